import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FAULT_KINDS, parseFaults } from './faults.ts';
import { countWords } from './words.ts';
import { CHAT_MODEL, eventsOf, workspaceUnderTest } from './workspace-under-test.ts';

const fault = (text: string): Record<string, string> => ({ 'x-simulated-fault': text });
const streamed = { stream: true, stream_options: { include_usage: true } };

describe('errors on demand', () => {
  test.each([
    ['rate-limit', 429, 'REQUEST_LIMIT_EXCEEDED'],
    ['bad-request', 400, 'BAD_REQUEST'],
    ['context-length', 400, 'BAD_REQUEST'],
    ['guardrail-block', 400, 'BAD_REQUEST'],
    ['permission-denied', 403, 'PERMISSION_DENIED'],
    ['internal-error', 500, 'INTERNAL_ERROR'],
    ['bad-gateway', 502, 'BAD_GATEWAY'],
    ['unavailable', 503, 'TEMPORARILY_UNAVAILABLE'],
    ['upstream-timeout', 504, 'DEADLINE_EXCEEDED'],
    ['error-mid-stream', 500, 'INTERNAL_ERROR'],
  ])('%s is status %i with error_code %s, and counts as refused', async (kind, status, code) => {
    const { chat, workspace } = await workspaceUnderTest();
    const received = await chat({}, fault(kind));
    expect([received.status, JSON.parse(received.text).error_code]).toEqual([status, code]);
    expect(workspace.stats()).toMatchObject({ refused: 1, served: 0, inputTokens: 0, outputTokens: 0 });
  });

  test('a rate limit says when to come back, in both bodies', async () => {
    const { chat } = await workspaceUnderTest();
    const plain = await chat({}, fault('rate-limit;retry_after_s=7'));
    expect(plain.headers['retry-after']).toBe('7');
    expect(JSON.parse(plain.text).message).toContain(`rate limit for ${CHAT_MODEL}`);
    const detailed = await chat({}, fault('rate-limit-detailed;retry_after_s=9'));
    expect([detailed.status, detailed.headers['retry-after']]).toEqual([429, '9']);
    expect(JSON.parse(detailed.text).error).toMatchObject({ type: 'rate_limit_exceeded', retry_after: 9 });
  });

  test('a guardrail block holds its verdict as JSON in the message, flagged false though it blocked', async () => {
    const { chat } = await workspaceUnderTest();
    const { message } = JSON.parse((await chat({}, fault('guardrail-block'))).text);
    expect(JSON.parse(message)).toMatchObject({
      usage: { total_tokens: 0 },
      input_guardrail: [{ flagged: false, pii_detection: true }],
      finishReason: 'input_guardrail_triggered',
    });
  });

  test('an error can be a page of a proxy', async () => {
    const { chat } = await workspaceUnderTest();
    const { status, headers, text } = await chat({}, fault('html-error'));
    expect([status, headers['content-type']]).toEqual([502, 'text/html']);
    expect(text).toMatch(/^<html>/);
  });
});

describe('answers cut short', () => {
  test.each([
    ['reset-before-answer', {}],
    ['reset-before-answer', streamed],
  ])('%s gives no answer at all', async (kind, members) => {
    const { chat, workspace } = await workspaceUnderTest();
    await expect(chat(members, fault(kind))).rejects.toThrow();
    expect(workspace.stats()).toMatchObject({ cut: 1, served: 0, aborted: 0 });
  });

  test.each([
    ['reset-mid-answer', {}],
    ['reset-mid-answer', streamed],
    ['close-mid-answer', {}],
    ['close-mid-answer', streamed],
  ])('%s breaks after half of it has arrived', async (kind, members) => {
    const { openChat, workspace } = await workspaceUnderTest();
    const { statusCode, body } = await openChat({ ...members, max_tokens: 40 }, fault(kind));
    expect(statusCode).toBe(200);
    let received = '';
    const reading = (async () => {
      for await (const chunk of body) received += chunk;
    })();
    await expect(reading).rejects.toThrow();
    expect(received.length).toBeGreaterThan(100);
    expect(received).not.toContain('[DONE]');
    await expect.poll(() => workspace.stats().cut).toBe(1);
    const { outputTokens, partialOutputTokens } = workspace.stats();
    expect(outputTokens).toBe(0);
    expect(partialOutputTokens).toBe(members === streamed ? 24 : 0);
  });

  test('error-mid-stream ends a stream with an error event', async () => {
    const { chat, workspace } = await workspaceUnderTest();
    const { text } = await chat({ ...streamed, max_tokens: 16 }, fault('error-mid-stream'));
    const events = eventsOf(text).map((event) => JSON.parse(event));
    expect(events).toHaveLength(2);
    expect(events[1].error.code).toBe('INTERNAL_ERROR');
    expect(workspace.stats()).toMatchObject({ cut: 1, partialOutputTokens: 8 });
  });

  test.each([
    ['no-answer', {}],
    ['stall-mid-answer', streamed],
    ['stall-mid-answer', {}],
  ])('%s keeps a client waiting until it leaves', async (kind, members) => {
    const { url, workspace } = await workspaceUnderTest();
    const leaving = new AbortController();
    const answer = fetch(`${url}/serving-endpoints/chat/completions`, {
      method: 'POST',
      signal: leaving.signal,
      headers: { authorization: 'Bearer simulated-databricks', ...fault(kind) },
      body: JSON.stringify({
        model: CHAT_MODEL,
        messages: [{ role: 'user', content: 'a' }],
        max_tokens: 16,
        ...members,
      }),
    }).then((response) => response.text());
    await expect.poll(() => workspace.stats().inFlight).toBe(1);
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await expect.poll(() => workspace.stats()).toMatchObject({ inFlight: 0, cut: 1, aborted: 0 });
  });
});

describe('answers that are strange', () => {
  test('usage can be missing, null or early, in answers and streams', async () => {
    const { chat } = await workspaceUnderTest();
    const answer = async (kind: string): Promise<Record<string, unknown>> =>
      JSON.parse((await chat({}, fault(kind))).text);
    expect(await answer('missing-usage')).not.toHaveProperty('usage');
    expect(await answer('null-usage')).toHaveProperty('usage', null);
    const early = (await chat({}, fault('early-usage'))).text;
    expect(early.indexOf('"usage"')).toBeLessThan(early.indexOf('"choices"'));
    expect(JSON.parse(early).usage.total_tokens).toBe(13);

    const stream = async (kind: string, members = {}): Promise<unknown[]> =>
      eventsOf((await chat({ ...streamed, ...members }, fault(kind))).text)
        .slice(0, -1)
        .map((event) => JSON.parse(event).usage?.completion_tokens ?? null);
    expect(await stream('missing-usage')).toEqual([null, null, null]);
    expect(await stream('null-usage')).toEqual([null, null, null, null]);
    expect(await stream('early-usage', { stream_options: {} })).toEqual([8, 10, 10]);
  });

  test('a stream can end without [DONE]', async () => {
    const { chat } = await workspaceUnderTest();
    const { text } = await chat(streamed, fault('missing-done'));
    expect(text).not.toContain('[DONE]');
    expect(text).toContain('"usage":{');
  });

  test('JSON can be malformed, of an answer and of one chunk', async () => {
    const { chat } = await workspaceUnderTest();
    const { status, text } = await chat({}, fault('malformed-json'));
    expect(status).toBe(200);
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    const [first = '', second = ''] = eventsOf((await chat(streamed, fault('malformed-json'))).text);
    expect(() => JSON.parse(first)).toThrow(SyntaxError);
    expect(() => JSON.parse(second)).not.toThrow();
  });

  test('bytes can leave in pieces of any size, without changing', async () => {
    const { chat, workspace } = await workspaceUnderTest({ now: () => 0 });
    for (const members of [{}, streamed]) {
      const whole = (await chat(members)).text.replaceAll(/simulated-\w+/g, 'id');
      const { chunks, text } = await chat(members, fault('split-bytes;bytes=5'));
      expect(text.replaceAll(/simulated-\w+/g, 'id')).toBe(whole);
      expect(chunks.slice(0, -1).every((chunk) => chunk.length <= 5)).toBe(true);
      expect(chunks.length).toBeGreaterThanOrEqual(text.length / 5);
    }
    expect(workspace.stats()).toMatchObject({ served: 4, outputTokens: 40 });
  });

  test('usage can straddle two chunks', async () => {
    const { chat } = await workspaceUnderTest();
    for (const members of [{}, streamed]) {
      const { chunks } = await chat(members, fault('straddle-usage'));
      expect(chunks).toHaveLength(2);
      expect(chunks[0]?.toString()).toMatch(/"usage":\{"prom$/);
      expect(chunks[1]?.toString()).toMatch(/^pt_tokens":3/);
    }
  });

  test('content can come in parts, reasoning first, with the same number of words', async () => {
    const { chat } = await workspaceUnderTest();
    const { content } = JSON.parse((await chat({}, fault('content-parts'))).text).choices[0].message;
    expect(content.map(({ type }: { type: string }) => type)).toEqual(['reasoning', 'text']);
    expect(countWords(content[0].summary[0].text) + countWords(content[1].text)).toBe(10);
    const chunks = eventsOf((await chat(streamed, fault('content-parts'))).text).slice(0, 2);
    expect(
      chunks.map((chunk) =>
        JSON.parse(chunk).choices[0].delta.content.map(({ type }: { type: string }) => type),
      ),
    ).toEqual([['reasoning', 'text'], ['text']]);
  });

  test('usage can tell cached and reasoning tokens', async () => {
    const { chat } = await workspaceUnderTest();
    expect(JSON.parse((await chat({}, fault('token-details;cached=2;reasoning=4'))).text).usage).toEqual({
      prompt_tokens: 3,
      completion_tokens: 10,
      total_tokens: 13,
      prompt_tokens_details: { cached_tokens: 2 },
      completion_tokens_details: { reasoning_tokens: 4 },
    });
  });

  test('the text can quote a usage block', async () => {
    const { chat } = await workspaceUnderTest();
    const { choices, usage } = JSON.parse((await chat({}, fault('misleading-text'))).text);
    expect(choices[0].message.content).toContain('"usage":{"prompt_tokens":7');
    expect(countWords(choices[0].message.content)).toBe(10);
    expect(usage.total_tokens).toBe(13);
  });

  test('another model can answer than was asked', async () => {
    const { chat } = await workspaceUnderTest();
    expect(JSON.parse((await chat({}, fault('other-model;model=meta-llama-3.3'))).text).model).toBe(
      'meta-llama-3.3',
    );
  });

  test('several faults join', async () => {
    const { chat } = await workspaceUnderTest();
    const { text } = await chat(streamed, fault('missing-usage, missing-done'));
    expect(eventsOf(text)).toHaveLength(3);
  });
});

describe('answers that are slow', () => {
  test('latency comes before the first byte, by header, fault, body or option', async () => {
    const slow = await workspaceUnderTest({ latencyMs: 40 });
    const quick = await workspaceUnderTest();
    const took = async (answer: () => Promise<unknown>): Promise<number> => {
      const started = performance.now();
      await answer();
      return performance.now() - started;
    };
    expect(await took(() => slow.chat())).toBeGreaterThanOrEqual(39);
    expect(await took(() => quick.chat({}, { 'x-simulated-latency-ms': '40' }))).toBeGreaterThanOrEqual(39);
    expect(await took(() => quick.chat({}, fault('latency;ms=40')))).toBeGreaterThanOrEqual(39);
    expect(await took(() => quick.chat({ simulated: { latency_ms: 40 } }))).toBeGreaterThanOrEqual(39);
  });

  test('chunks come one by one with a wait between them', async () => {
    const { chat } = await workspaceUnderTest();
    const started = performance.now();
    const { chunks } = await chat({ stream: true, max_tokens: 4 }, fault('slow-chunks;ms=10;words=2'));
    expect(performance.now() - started).toBeGreaterThanOrEqual(29);
    expect(chunks).toHaveLength(4);
  });
});

describe('asking for a fault', () => {
  test('works by the name of a model, without a header or a script', async () => {
    const { chat, send } = await workspaceUnderTest();
    expect((await chat({ model: 'simulated-unavailable' })).status).toBe(503);
    expect((await chat({ model: 'simulated-missing-usage' })).status).toBe(200);
    expect((await chat({ model: 'simulated-nonsense' })).status).toBe(404);
    expect(
      (await send('POST', '/serving-endpoints/simulated-rate-limit/invocations', { input: 'a' })).status,
    ).toBe(429);
  });

  test('is undone nearest to the request: a header wins over the body, the body over the script', async () => {
    const { chat, workspace } = await workspaceUnderTest();
    workspace.addFault({ fault: 'unavailable' });
    expect((await chat()).status).toBe(503);
    expect((await chat({ simulated: { fault: 'internal-error' } })).status).toBe(500);
    expect((await chat({ simulated: { fault: 'internal-error' } }, fault('bad-gateway'))).status).toBe(502);
  });

  test('is refused with the names that are known', () => {
    expect(() => parseFaults('flood')).toThrowError(/No fault is called "flood"\. Known: rate-limit, /);
    expect(() => parseFaults('latency;seconds=1')).toThrowError(
      'latency does not take "seconds=1"; it takes ms=….',
    );
    expect(() => parseFaults('latency;ms=-1')).toThrowError('ms=-1: give a whole number of zero or more');
  });

  test('is documented: README.md has every fault', () => {
    const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
    expect(FAULT_KINDS.filter((kind) => !readme.includes(`| \`${kind}`))).toEqual([]);
  });
});
