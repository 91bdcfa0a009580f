import { describe, expect, test } from 'vitest';
import { boundOf, MEDIA_TOKENS, UNBOUNDED } from '../budgets/bounds.ts';
import type { Endpoint } from './protocol.ts';
import { factsOf, isUnreadable, type RequestFacts } from './request-body.ts';
import { upstreamBody } from './upstream-body.ts';

function facts(endpoint: Endpoint, body: object, modelInPath: string | null = null): RequestFacts {
  const read = factsOf(endpoint, { model: 'm', ...body }, modelInPath);
  if (isUnreadable(read)) throw new Error(read.refusal.code);
  return read;
}

const code = (endpoint: Endpoint, body: object): string | null => {
  const read = factsOf(endpoint, { model: 'm', ...body });
  return isUnreadable(read) ? `${read.refusal.code} ${read.refusal.param}` : null;
};

describe('a body of completions', () => {
  test.each([
    ['a text', 'héllo', 1, 6],
    ['texts', ['ab', 'cde'], 2, 5],
    ['token numbers', [1, 2, 3], 1, 12],
  ])('counts %s', (_, prompt, inputCount, inputTextBytes) => {
    expect(facts('completions', { prompt })).toMatchObject({
      protocol: 'completions',
      inputCount,
      inputTextBytes,
    });
  });

  test('reads the suffix, the limit and the stream like a chat', () => {
    const read = facts('completions', { prompt: 'ab', suffix: 'cd', max_tokens: 7, stream: true, user: 'u' });
    expect(read).toMatchObject({
      inputTextBytes: 4,
      maxOutputTokens: 7,
      stream: true,
      wantsUsage: false,
      endUser: 'u',
    });
  });

  test('bounds every answer to every prompt, the discarded candidates included', () => {
    const read = facts('completions', { prompt: ['a', 'b', 'c'], n: 2, best_of: 4, max_tokens: 10 });
    expect(read.extent.choices).toBe(12);
    expect(boundOf(read, 100, 999).output).toBe(120);
    expect(facts('completions', { prompt: 'a', n: '2' }).extent.choices).toBeNull();
  });

  test('needs a prompt', () => {
    expect(code('completions', {})).toBe('invalid_body prompt');
    expect(code('completions', { prompt: [{}] })).toBe('invalid_body prompt');
  });
});

describe('a body of responses', () => {
  test('counts a text with its instructions, and takes its own limit and end user', () => {
    const body = { input: 'four', instructions: 'six on', max_output_tokens: 9, safety_identifier: 'who' };
    expect(facts('responses', { ...body, stream: true })).toMatchObject({
      protocol: 'responses',
      stream: true,
      wantsUsage: true,
      streamOptions: undefined,
      inputCount: 1,
      inputTextBytes: 10,
      maxOutputTokens: 9,
      endUser: 'who',
    });
    expect(facts('responses', { input: 'x', max_tokens: 9 }).maxOutputTokens).toBeNull();
  });

  test('counts messages, calls of tools, their outputs and reasoning', () => {
    const input = [
      { role: 'user', content: 'ab' },
      { role: 'user', content: [{ type: 'input_text', text: 'cd' }] },
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c', output: 'efg' },
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'h' }] },
    ];
    const read = facts('responses', { input });
    expect(read).toMatchObject({ inputCount: 5, inputTextBytes: 10 });
    expect(read.extent).toMatchObject({ mediaParts: 0, hasTools: false, hiddenInput: false });
  });

  test('tells media apart from text', () => {
    const content = [
      { type: 'input_image', image_url: `data:${'x'.repeat(95)}` },
      { type: 'input_image', image_url: 'https://example.com/x.png' },
      { type: 'input_file', file_data: `data:${'x'.repeat(45)}` },
    ];
    const read = facts('responses', { input: [{ role: 'user', content }] });
    expect(read.extent).toMatchObject({ mediaParts: 3, mediaBytes: 150 });
    expect(boundOf(read, 1000, 1).input).toBeGreaterThan(3 * MEDIA_TOKENS);
  });

  test.each([
    ['an earlier response', { previous_response_id: 'resp_1' }],
    ['a conversation', { conversation: 'conv_1' }],
    ['a stored prompt', { prompt: { id: 'pmpt_1' } }],
    ['a reference', { input: [{ type: 'item_reference', id: 'msg_1' }] }],
    ['a search of the upstream', { tools: [{ type: 'web_search' }] }],
  ])('has no bound that could be told where it goes on from %s', (_, more) => {
    const read = facts('responses', { input: 'x', ...more });
    expect(boundOf(read, 100, 10)).toEqual({ input: UNBOUNDED, output: 10 });
  });

  test('is bound by its bytes where its tools are the caller’s own', () => {
    const read = facts('responses', { input: 'x', tools: [{ type: 'function', name: 'f' }] });
    expect(boundOf(read, 100, 10).input).toBeLessThan(2000);
  });

  test('needs an input, unless the upstream holds one; and is not served in the background', () => {
    expect(code('responses', {})).toBe('invalid_body input');
    expect(code('responses', { input: ['text'] })).toBe('invalid_body input');
    expect(code('responses', { prompt: { id: 'pmpt_1' } })).toBeNull();
    expect(code('responses', { input: 'x', background: true })).toBe('background_not_served background');
  });

  test('gets the limit and no stream options from the gateway', () => {
    const raw = Buffer.from('{"model":"m","input":"x","stream":true,"max_output_tokens":null}');
    const read = facts('responses', JSON.parse(raw.toString()));
    expect(upstreamBody(raw, read, '"a":1,', 5).toString()).toBe(
      '{"a":1,"max_output_tokens":5,"model":"m","input":"x","stream":true}',
    );
  });
});

describe('a body of invocations', () => {
  test.each([
    ['messages', { messages: [{ role: 'user', content: 'x' }] }, 'chat'],
    ['a prompt', { prompt: 'x' }, 'completions'],
    ['texts', { input: ['x'] }, 'embeddings'],
    ['items', { input: [{ role: 'user', content: 'x' }] }, 'responses'],
    ['rows', { dataframe_split: { columns: ['a'], data: [[1], [2]] } }, 'custom'],
    ['records', { dataframe_records: [{ a: 1 }] }, 'custom'],
    ['tensors', { instances: [[1]] }, 'custom'],
  ])('is told by what it holds: %s', (_, body, protocol) => {
    expect(facts('invocations', body, 'endpoint')).toMatchObject({ protocol, model: 'endpoint' });
  });

  test('counts rows, and streams none of them', () => {
    const body = { dataframe_split: { columns: ['a'], data: [[1], [2]] }, stream: true };
    expect(facts('invocations', body, 'e')).toMatchObject({
      inputCount: 2,
      inputTextBytes: 0,
      stream: false,
    });
  });

  test('of nothing known is refused', () => {
    const read = factsOf('invocations', { something: 1 }, 'e');
    expect(isUnreadable(read) && read.refusal).toMatchObject({ status: 400, code: 'unknown_invocation' });
  });

  test('goes on without a model of its own, which could be another than the one that was decided on', () => {
    const raw = Buffer.from('{"model":"other","messages":[]}');
    const read = facts('invocations', JSON.parse(raw.toString()), 'named');
    expect(read.model).toBe('named');
    expect(upstreamBody(raw, read, '"model":"served",').toString()).toBe('{"model":"served","messages":[]}');
  });
});
