import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventStream } from './event-stream.ts';

const MAX = 1 << 20;

const chunk = (content: string, extra = '') =>
  `data: {"id":"c","choices":[{"index":0,"delta":{"content":${JSON.stringify(content)}}}]${extra}}\n\n`;
const USAGE = 'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n';
const DONE = 'data: [DONE]\n\n';
const TEXT = `${chunk('Hello') + chunk('"usage" and data: [DONE]\n\n') + chunk('"error"')}: ping\n\n${chunk('né 😀')}`;

interface Outcome {
  readonly passed: string;
  readonly done: string | null;
  readonly error: string | null;
  readonly usage: { readonly input_tokens: number; readonly output_tokens: number } | null;
  readonly textBytes: number;
}

function run(pieces: readonly Buffer[], callerWantsUsage: boolean): Outcome {
  const stream = new EventStream(callerWantsUsage, MAX);
  const passed: Buffer[] = [];
  const take = () => {
    const ready = stream.take();
    if (ready !== null) passed.push(ready);
  };
  for (const piece of pieces) {
    expect(stream.push(piece)).toBe(true);
    take();
  }
  stream.end();
  take();
  return {
    passed: Buffer.concat(passed).toString('utf8'),
    done: stream.done?.toString('utf8') ?? null,
    error: stream.error?.toString('utf8') ?? null,
    usage: stream.usage,
    textBytes: stream.textBytes,
  };
}

const whole = (text: string, wants = false) => run([Buffer.from(text)], wants);

describe('a stream of events', () => {
  test('the usage event is read, and hidden from a caller that did not ask for it', () => {
    const outcome = whole(TEXT + USAGE + DONE);
    expect(outcome.passed).toBe(TEXT);
    expect(outcome.done).toBe(DONE);
    expect(outcome.usage).toMatchObject({ input_tokens: 3, output_tokens: 2 });
  });

  test('a caller that asked for usage gets it, last before the end', () => {
    expect(whole(TEXT + USAGE + DONE, true).passed).toBe(TEXT + USAGE);
  });

  test('usage on an event that has choices is read and passed on', () => {
    const early = chunk('a', ',"usage":{"prompt_tokens":3,"completion_tokens":1}');
    const later = chunk('b', ',"usage":{"prompt_tokens":3,"completion_tokens":2}');
    const outcome = whole(early + later + DONE);
    expect(outcome.passed).toBe(early + later);
    expect(outcome.usage).toMatchObject({ output_tokens: 2 });
  });

  test('events that say that usage is null pass unparsed', () => {
    const text = chunk('a', ',"usage":null') + chunk('b', ', "usage" : null');
    expect(whole(text + USAGE + DONE)).toMatchObject({ passed: text, usage: { output_tokens: 2 } });
  });

  test('an error event is kept back for whoever answers for it', () => {
    const error = '{"error":{"message":"no","code":"x"}}';
    const outcome = whole(`${TEXT}data: ${error}\n\n${chunk('after')}`);
    expect(outcome).toMatchObject({ passed: TEXT, error, done: null });
  });

  test('nothing after the end is passed on', () => {
    expect(whole(TEXT + DONE + chunk('after'))).toMatchObject({ passed: TEXT, done: DONE });
  });

  test('a stream that just stops passes what it had', () => {
    const half = chunk('cut').slice(0, 20);
    expect(whole(TEXT + half)).toMatchObject({ passed: TEXT + half, done: null, usage: null });
  });

  test('an end without its blank line is an end', () => {
    expect(whole(`${TEXT}data: [DONE]`)).toMatchObject({ passed: TEXT, done: 'data: [DONE]' });
  });

  test('lines may end in CR LF', () => {
    const crlf = (text: string) => text.replaceAll('\n', '\r\n');
    const text = crlf(chunk('a') + chunk('b'));
    const outcome = whole(text + crlf(USAGE) + crlf(DONE));
    expect(outcome).toMatchObject({ passed: text, done: crlf(DONE), usage: { input_tokens: 3 } });
  });

  test('however the bytes are cut, the outcome is the same', () => {
    const texts = [
      TEXT + USAGE + DONE,
      TEXT + DONE,
      TEXT,
      (TEXT + USAGE + DONE).replaceAll('\n', '\r\n'),
      `${TEXT}data: {"error":{"message":"no"}}\n\n`,
      chunk('a', ',"usage":{"prompt_tokens":3,"completion_tokens":1}') + USAGE + DONE,
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 80 }),
        (text, wants, sizes) => {
          const bytes = Buffer.from(text);
          const pieces: Buffer[] = [];
          let at = 0;
          for (const size of sizes) {
            if (at >= bytes.length) break;
            pieces.push(bytes.subarray(at, at + size));
            at += size;
          }
          if (at < bytes.length) pieces.push(bytes.subarray(at));
          const one = run([bytes], wants);
          const many = run(pieces, wants);
          expect({ ...many, textBytes: 0 }).toEqual({ ...one, textBytes: 0 });
        },
      ),
      { numRuns: 500 },
    );
  });

  test('an event that grows beyond the cap ends the stream', () => {
    const stream = new EventStream(false, 1000);
    expect(stream.push(Buffer.from(`data: ${'x'.repeat(900)}`))).toBe(true);
    expect(stream.push(Buffer.from('x'.repeat(200)))).toBe(false);
  });

  test('produced text is measured without parsing', () => {
    expect(whole(chunk('12345') + chunk('678') + DONE).textBytes).toBe(8);
    const call =
      'data: {"choices":[{"delta":{"content":null,"tool_calls":[{"function":{"arguments":"{}"}}]}}]}\n\n';
    expect(whole(call + DONE).textBytes).toBe(2);
  });
});
