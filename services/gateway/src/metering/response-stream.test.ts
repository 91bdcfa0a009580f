import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EventStream } from './event-stream.ts';

const MAX = 100_000;
const usage = {
  input_tokens: 5,
  input_tokens_details: { cached_tokens: 2 },
  output_tokens: 3,
  output_tokens_details: { reasoning_tokens: 1 },
  total_tokens: 8,
};
const event = (type: string, more: object) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: 1, ...more })}\n\n`;
const begin = event('response.created', {
  response: { id: 'r', status: 'in_progress', error: null, usage: null },
});
const delta = event('response.output_text.delta', { delta: 'héllo "response.completed" [DONE' });
const completed = event('response.completed', {
  response: { id: 'r', status: 'completed', error: null, usage },
});

function read(text: string, cuts: readonly number[] = []): { stream: EventStream; passed: string } {
  const stream = new EventStream(true, MAX, true);
  const bytes = Buffer.from(text);
  const passed: Buffer[] = [];
  let from = 0;
  for (const to of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
    expect(stream.push(bytes.subarray(from, to))).toBe(true);
    passed.push(stream.take() ?? Buffer.alloc(0));
    from = to;
  }
  stream.end();
  passed.push(stream.take() ?? Buffer.alloc(0));
  return { stream, passed: Buffer.concat(passed).toString() };
}

describe('a stream of the Responses API', () => {
  test('holds its last event and tells its usage, however it was cut', () => {
    const text = begin + delta + completed;
    fc.assert(
      fc.property(fc.array(fc.nat(Buffer.byteLength(text)), { maxLength: 8 }), (cuts) => {
        const { stream, passed } = read(text, cuts);
        expect(passed).toBe(begin + delta);
        expect(stream.done?.toString()).toBe(completed);
        expect(stream.usage).toEqual({
          input_tokens: 5,
          output_tokens: 3,
          cached_input_tokens: 2,
          cache_creation_tokens: 0,
          reasoning_tokens: 1,
        });
        expect(stream.failed).toBe(false);
      }),
    );
  });

  test('counts the text of deltas once, though later events repeat it', () => {
    const repeated = event('response.output_text.done', { text: 'héllo' });
    expect(read(event('response.output_text.delta', { delta: 'héllo' }) + repeated).stream.textBytes).toBe(6);
  });

  test('that fails passes its own last event on', () => {
    const failed = event('response.failed', { response: { error: { code: 'server_error', message: 'm' } } });
    const { stream, passed } = read(begin + failed);
    expect(passed).toBe(begin);
    expect(stream).toMatchObject({ failed: true, usage: null, error: null });
    expect(stream.done?.toString()).toBe(failed);
  });

  test('that is cut short by its limit is complete', () => {
    const { stream } = read(begin + event('response.incomplete', { response: { usage } }));
    expect(stream).toMatchObject({ failed: false, usage: { output_tokens: 3 } });
  });

  test.each([
    ['flat', event('error', { code: 'c', message: 'm', param: null })],
    ['nested', event('error', { error: { code: 'c', message: 'm', param: null } })],
    ['untyped', 'data: {"error":{"code":"c","message":"m","param":null}}\n\n'],
  ])('ends with an error that is not passed on as it came: %s', (_, error) => {
    const { stream, passed } = read(begin + error);
    expect(passed).toBe(begin);
    expect(JSON.parse(stream.error?.toString() ?? '')).toEqual({
      error: { code: 'c', message: 'm', param: null },
    });
  });
});
