import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Endpoint } from './protocol.ts';
import { factsOf, isUnreadable, parsedBody, type RequestFacts } from './request-body.ts';
import { upstreamBody } from './upstream-body.ts';

const bytes = (body: unknown) => Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
const read = (body: unknown, endpoint: Endpoint = 'chat.completions') =>
  factsOf(endpoint, parsedBody(bytes(body)) ?? {});

function facts(body: unknown, endpoint: Endpoint = 'chat.completions'): RequestFacts {
  const result = read(body, endpoint);
  if (isUnreadable(result)) throw new Error(`unreadable: ${result.refusal.message}`);
  return result;
}

const chat = { model: 'm', messages: [{ role: 'user', content: 'héllo' }] };

describe('reading a body', () => {
  test('a chat tells its model, stream, size and bounds', () => {
    expect(
      facts({ ...chat, stream: true, max_tokens: 9, user: 'u', stream_options: { include_usage: true } }),
    ).toEqual({
      protocol: 'chat',
      model: 'm',
      modelInPath: false,
      stream: true,
      wantsUsage: true,
      streamOptions: { include_usage: true },
      hasReservedMembers: false,
      inputCount: 1,
      inputTextBytes: 6,
      maxOutputTokens: 9,
      extent: {
        choices: 1,
        outputCeiling: 9,
        namesOutputLimit: true,
        hasTools: false,
        mediaParts: 0,
        mediaBytes: 0,
        hiddenInput: false,
      },
      endUser: 'u',
    });
  });

  test('content in parts and tool calls count as text', () => {
    const parts = [
      { type: 'text', text: 'abc' },
      { type: 'image_url', image_url: { url: 'x' } },
    ];
    const calls = [{ function: { name: 'f', arguments: '{"a":1}' } }];
    expect(
      facts({ model: 'm', messages: [{ content: parts }, { content: null, tool_calls: calls }] }),
    ).toMatchObject({
      inputCount: 2,
      inputTextBytes: 3 + 7,
    });
  });

  test.each([
    ['one text', 'abcd', 1, 4],
    ['texts', ['ab', 'cd', 'ef'], 3, 6],
    ['token numbers', [1, 2, 3], 1, 12],
    ['lists of token numbers', [[1, 2], [3]], 2, 12],
  ])('embeddings take %s', (_name, input, inputCount, inputTextBytes) => {
    expect(facts({ model: 'm', input }, 'embeddings')).toMatchObject({ inputCount, inputTextBytes });
  });

  test.each([
    ['no model', { messages: [] }, 'invalid_body', 'model'],
    ['a model that is no text', { model: 3, messages: [] }, 'invalid_body', 'model'],
    ['no messages', { model: 'm' }, 'invalid_body', 'messages'],
    ['messages of the wrong kind', { model: 'm', messages: ['x'] }, 'invalid_body', 'messages'],
    ['a stream that is no flag', { ...chat, stream: 'yes' }, 'invalid_body', 'stream'],
    ['options that are no object', { ...chat, stream_options: 1 }, 'invalid_body', 'stream_options'],
    ['a model of endless length', { ...chat, model: 'm'.repeat(300) }, 'model_not_found', null],
  ])('%s is refused with its code', (_name, body, code, param) => {
    const result = read(body);
    expect(isUnreadable(result) && result.refusal).toMatchObject({ code, param });
  });

  test.each(['{"model":', '[]', '"text"', 'null', ''])('%s is no body', (raw) => {
    expect(parsedBody(bytes(raw))).toBeNull();
  });

  test('the last of two equal members counts', () => {
    expect(facts('{"model":"a","messages":[],"model":"b"}').model).toBe('b');
  });
});

const OURS = '"client_request_id":"id.1","usage_context":{"team":"té"},';

function forwarded(raw: string, ours = OURS): string {
  return upstreamBody(Buffer.from(raw), facts(raw), ours).toString('utf8');
}

describe('the body that goes upstream', () => {
  test("is the caller's own bytes where nothing is added", () => {
    const raw = bytes(chat);
    expect(upstreamBody(raw, facts(chat), '')).toBe(raw);
  });

  test('gets our members after the opening brace and leaves every other byte alone', () => {
    const raw = ' {  "model":"m","seed":12345678901234567890,"messages":[] }';
    expect(forwarded(raw)).toBe(`{${OURS}  "model":"m","seed":12345678901234567890,"messages":[] }`);
  });

  test('asks for usage on streams', () => {
    const raw = '{"model":"m","messages":[],"stream":true}';
    expect(JSON.parse(forwarded(raw))).toMatchObject({ stream_options: { include_usage: true } });
  });

  test('asks for usage where the options do not, and keeps the other options', () => {
    const raw =
      '{"model":"m","stream_options":{"include_usage":false,"x":1},"messages":[],"stream":true,"n":1e400}';
    const body = forwarded(raw);
    expect(JSON.parse(body)).toMatchObject({ stream_options: { include_usage: true, x: 1 } });
    expect(body.match(/stream_options/g)).toHaveLength(1);
    expect(body).toContain('"n":1e400');
  });

  test('leaves options that ask for usage, and those of calls without a stream, alone', () => {
    const asked = '{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}';
    expect(forwarded(asked, '')).toBe(asked);
    const plain = '{"model":"m","messages":[],"stream_options":{"include_usage":false}}';
    expect(forwarded(plain, '')).toBe(plain);
  });

  test('never carries what a caller claims to be ours, however it is spelt', () => {
    const raw =
      '{"client_request_id":"forged","model":"m","us\\u0061ge_context":{"team":"other"},"messages":[{"client_request_id":"kept"}]}';
    const body = forwarded(raw);
    expect(body).not.toContain('forged');
    expect(body).not.toContain('other');
    expect(JSON.parse(body)).toEqual({
      client_request_id: 'id.1',
      usage_context: { team: 'té' },
      model: 'm',
      messages: [{ client_request_id: 'kept' }],
    });
  });

  test('means the same as the body it came from, whatever that holds', () => {
    const reserved = fc.dictionary(
      fc.oneof(fc.constantFrom('client_request_id', 'usage_context', 'x"y\\', 'stream_options'), fc.string()),
      fc.jsonValue(),
      { maxKeys: 8 },
    );
    fc.assert(
      fc.property(reserved, fc.boolean(), fc.constantFrom(0, 1, 3), (extra, stream, indent) => {
        const options = extra['stream_options'];
        const valid = typeof options === 'object' && !Array.isArray(options) ? options : null;
        const json = JSON.stringify({ ...extra, ...chat, stream, stream_options: valid }, null, indent);
        // As JSON says it, which has no -0.
        const body: unknown = JSON.parse(json);
        const result = JSON.parse(forwarded(json)) as Record<string, unknown>;
        const { client_request_id: _id, usage_context: _context, ...rest } = body as Record<string, unknown>;
        const asked = { ...Object(rest['stream_options']), include_usage: true };
        const expected = stream ? { ...rest, stream_options: asked } : rest;
        expect(result).toEqual({ ...expected, client_request_id: 'id.1', usage_context: { team: 'té' } });
      }),
    );
  });
});
