import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { factsOf, isUnreadable, parsedBody, type RequestFacts } from '../body/request-body.ts';
import { upstreamBody } from '../body/upstream-body.ts';
import { boundOf, MEDIA_TOKENS, needsOutputLimit, UNBOUNDED } from './bounds.ts';

const OUTPUT_LIMIT = 77;

function read(body: object): { facts: RequestFacts; raw: Buffer } {
  const raw = Buffer.from(JSON.stringify(body));
  const facts = factsOf('input' in body ? 'embeddings' : 'chat.completions', parsedBody(raw) ?? {});
  if (isUnreadable(facts)) throw new Error('unreadable');
  return { facts, raw };
}

function bound(body: object) {
  const { facts, raw } = read(body);
  return boundOf(facts, raw.length, OUTPUT_LIMIT);
}

/** Bytes of every text in a value: no tokenizer of bytes makes more tokens of them. */
function textBytes(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce<number>((sum, member) => sum + textBytes(member), 0);
}

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const media = fc.oneof(
  fc.record({
    type: fc.constant('image_url'),
    image_url: fc.record({ url: text.map((data) => `data:${data}`) }),
  }),
  fc.record({ type: fc.constant('input_audio'), input_audio: fc.record({ data: text }) }),
);
const part = fc.oneof(
  fc.record({ type: fc.constant('text'), text }),
  fc.record({ type: fc.constantFrom('refusal', 'image_url', 'input_audio'), refusal: text }),
);
const message = fc.record(
  {
    role: fc.constantFrom('user', 'tool'),
    content: fc.oneof(text, fc.array(part, { maxLength: 3 })),
    name: text,
    tool_calls: fc.array(fc.record({ function: fc.record({ name: text, arguments: text }) }), {
      maxLength: 2,
    }),
  },
  { requiredKeys: ['role', 'content'] },
);
const limit = fc.oneof(fc.nat(10_000), fc.constant(null), fc.constant('12'), fc.constant(-1));

describe('the bound of a request', () => {
  test('is at least the bytes of all its texts, and what was asked for', () => {
    const body = fc.record(
      {
        model: fc.constant('m'),
        messages: fc.array(message, { maxLength: 4 }),
        tools: fc.array(fc.record({ name: text, description: text }), { maxLength: 2 }),
        max_tokens: limit,
        max_completion_tokens: limit,
        n: fc.integer({ min: 1, max: 5 }),
      },
      { requiredKeys: ['model', 'messages'] },
    );
    fc.assert(
      fc.property(body, (given) => {
        const { input, output } = bound(given);
        expect(input).toBeGreaterThan(textBytes(given.messages) + textBytes(given.tools));
        const limits = [given.max_tokens, given.max_completion_tokens].filter(
          (value) => value !== undefined && value !== null,
        );
        const trusted = limits.length > 0 && limits.every((value) => typeof value === 'number' && value >= 0);
        const each = trusted ? Math.max(...limits.map(Number)) : OUTPUT_LIMIT;
        expect(output).toBe(each * (given.n ?? 1));
      }),
    );
  });

  test('where a limit has to be set upstream, is what the upstream then reads', () => {
    const body = fc.record(
      { model: fc.constant('m'), messages: fc.constant([]), max_tokens: limit, max_completion_tokens: limit },
      { requiredKeys: ['model', 'messages'] },
    );
    fc.assert(
      fc.property(body, (given) => {
        const { facts, raw } = read(given);
        if (!needsOutputLimit(facts)) return;
        const sent: unknown = JSON.parse(upstreamBody(raw, facts, '', OUTPUT_LIMIT).toString());
        expect(sent).toEqual({ model: 'm', messages: [], max_tokens: OUTPUT_LIMIT });
      }),
    );
  });

  test('takes data of media off the bytes, and adds what they may be worth', () => {
    fc.assert(
      fc.property(fc.array(media, { minLength: 1, maxLength: 3 }), text, (parts, words) => {
        const content = [{ type: 'text', text: words }, ...parts];
        const { input } = bound({ model: 'm', messages: [{ role: 'user', content }] });
        expect(input).toBeGreaterThan(Buffer.byteLength(words) + parts.length * MEDIA_TOKENS);
      }),
    );
    const picture = (url: string) =>
      bound({
        model: 'm',
        messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
      });
    expect(picture(`data:${'A'.repeat(1_000_000)}`).input).toBeLessThan(MEDIA_TOKENS + 1_000);
    // What hides text under the name of a picture counts as text.
    expect(picture('A'.repeat(100_000)).input).toBeGreaterThan(100_000);
  });

  test('of embeddings is that of their input, as texts or as tokens', () => {
    expect(bound({ model: 'm', input: 'x'.repeat(1_000) })).toMatchObject({ output: 0 });
    expect(bound({ model: 'm', input: 'x'.repeat(1_000) }).input).toBeGreaterThan(1_000);
    expect(bound({ model: 'm', input: Array.from({ length: 500 }, () => 1) }).input).toBeGreaterThan(500);
  });

  test('is beyond every limit where nobody can tell how many answers are asked for', () => {
    expect(bound({ model: 'm', messages: [], n: '3' }).output).toBe(UNBOUNDED);
    expect(bound({ model: 'm', messages: [], n: 5, max_tokens: Number.MAX_SAFE_INTEGER }).output).toBe(
      UNBOUNDED,
    );
  });
});
