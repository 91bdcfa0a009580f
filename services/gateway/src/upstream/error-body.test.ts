import { describe, expect, test } from 'vitest';
import { askedToWaitMs, upstreamRefusal } from './error-body.ts';

const NOW = Date.parse('2026-03-01T00:00:00Z');
const map = (status: number, body: unknown, retryAfter?: string) =>
  upstreamRefusal(
    status,
    retryAfter,
    Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    NOW,
    { conceal: (text) => text.replaceAll('Dapi-1', '[redacted]') },
  );

test("OpenAI's own error passes with its members", () => {
  const error = {
    message: 'too long',
    type: 'invalid_request_error',
    param: 'messages',
    code: 'context_length_exceeded',
  };
  expect(map(400, { error })).toEqual({ status: 400, ...error, retryAfter: null });
});

test("Databricks' textual code becomes the code, marked as the upstream's", () => {
  expect(map(400, { error_code: 'BAD_REQUEST', message: 'bad' })).toMatchObject({
    code: 'upstream_bad_request',
    message: 'bad',
  });
  expect(map(500, { error_code: 'INTERNAL_ERROR' }).code).toBe('upstream_internal_error');
  expect(map(404, { error_code: 'ENDPOINT_NOT_FOUND', message: 'gone' })).toMatchObject({
    status: 404,
    code: 'upstream_endpoint_not_found',
    message: expect.not.stringContaining('gone'),
    type: 'invalid_request_error',
  });
});

test('a guardrail block is told without what the guardrail echoes', () => {
  const inner = {
    input_guardrail: [{ flagged: false, anonymized_input: ['secret'] }],
    finishReason: 'input_guardrail_triggered',
  };
  const refusal = map(400, { error_code: 'BAD_REQUEST', message: JSON.stringify(inner) });
  expect(refusal).toMatchObject({ status: 400, code: 'upstream_guardrail' });
  expect(JSON.stringify(refusal)).not.toContain('secret');
});

test('the credential of the gateway is hidden, however the body spells it', () => {
  expect(map(400, '{"error_code":"Dapi-1","message":"no \\u0044api-1 here"}')).toMatchObject({
    code: 'upstream_[redacted]',
    message: 'no [redacted] here',
  });
});

const verdict = (inner: object) => ({ error_code: 'BAD_REQUEST', message: JSON.stringify(inner) });

test.each([
  ['personal data, though not flagged', { input_guardrail: [{ flagged: false, pii_detection: true }] }, ''],
  ['a reason alone', { finishReason: 'output_guardrail_triggered' }, '_safety'],
  ['an unsafe answer', { output_guardrail: [{ flagged: true, pii_detection: null }] }, '_safety'],
])('a guardrail is known by %s', (_name, inner, suffix) => {
  expect(map(400, verdict(inner)).code).toBe(`upstream_guardrail${suffix}`);
  expect(map(400, { error: { message: JSON.stringify(inner) } }).code).toBe(`upstream_guardrail${suffix}`);
});

test('a verdict that is cut, and so can not be read, is not repeated', () => {
  const inner = JSON.stringify({ input_guardrail: [{ anonymized_input: ['secret'] }] }).slice(0, -3);
  const refusal = map(400, { error_code: 'BAD_REQUEST', message: `BAD_REQUEST: ${inner}` });
  expect(refusal.code).toBe('upstream_guardrail');
  expect(refusal.message).not.toContain('secret');
});

test('what a provider behind an external model said is told in its place', () => {
  const wrapped = (external_model_error: object) =>
    verdict({ external_model_provider: 'openai', external_model_error });
  const error = {
    message: 'm',
    type: 'invalid_request_error',
    param: 'temperature',
    code: 'unsupported_value',
  };
  expect(map(400, wrapped({ error }))).toMatchObject({ ...error, status: 400 });
  expect(map(429, wrapped({ error: { message: 'slow down', code: 'rate_limit_exceeded' } }))).toMatchObject({
    code: 'rate_limit_exceeded',
    message: 'slow down',
    retryAfter: 1,
  });
  expect(map(403, wrapped({ error_code: 403, message: 'key sk-secret' }))).toMatchObject({
    status: 502,
    code: 'upstream_refused_credential',
  });
});

test.each([
  "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
  'input length and `max_tokens` exceed context limit: 142123 + 64000 > 200000',
  'Input is too long for requested model.',
  'The prompt is longer than the context window of m.',
])('a prompt that is too long has one code, whoever says so: %s', (message) => {
  expect(map(400, { error_code: 'BAD_REQUEST', message }).code).toBe('context_length_exceeded');
  expect(map(400, { error: { message, type: 'invalid_request_error', code: null } }).code).toBe(
    'context_length_exceeded',
  );
});

test('a bad number of tokens is no prompt that is too long', () => {
  const message = 'Bad request: max_tokens (10000) cannot exceed 8192.';
  expect(map(400, { error_code: 'BAD_REQUEST', message }).code).toBe('upstream_bad_request');
});

test.each([
  ['as text', { error_code: 'REQUEST_LIMIT_EXCEEDED', message: 'REQUEST_LIMIT_EXCEEDED: too many' }],
  ['in detail', { error: { message: 'm', type: 'rate_limit_exceeded', limit_type: 'otpm', retry_after: 3 } }],
])('a rate limit of the workspace has one code: %s', (_name, body) => {
  expect(map(429, body)).toMatchObject({
    status: 429,
    type: 'rate_limit_error',
    code: 'upstream_rate_limit',
  });
});

test('an endpoint that is being started asks for more patience than one that is busy', () => {
  const starting = {
    error_code: 'TEMPORARILY_UNAVAILABLE',
    message: 'It is scaled to zero and is being scaled up.',
  };
  expect(map(503, starting)).toMatchObject({ status: 503, code: 'upstream_scaling_up', retryAfter: 10 });
  expect(map(503, starting, '30').retryAfter).toBe(30);
  const busy = { error_code: 'TEMPORARILY_UNAVAILABLE', message: 'busy' };
  expect(map(503, busy)).toMatchObject({ code: 'upstream_temporarily_unavailable', retryAfter: 1 });
});

test.each([
  ['seconds', '7', {}, 7],
  ['a date', 'Sun, 01 Mar 2026 00:00:30 GMT', {}, 30],
  ['a date that has passed', 'Sat, 28 Feb 2026 00:00:00 GMT', {}, 1],
  ['the body', undefined, { error: { message: 'm', retry_after: 4.2 } }, 5],
  ['nothing', undefined, {}, 1],
  ['nonsense', 'soon', {}, 1],
  ['an age', '999999', {}, 3600],
])('retry-after is a number of seconds: from %s', (_name, header, body, expected) => {
  expect(map(429, body, header).retryAfter).toBe(expected);
});

test('bodies of no known kind give a general message and never the body', () => {
  for (const body of ['<html>secret</html>', '', '[]', '"secret"']) {
    expect(map(502, body)).toMatchObject({ status: 502, code: 'upstream_502', type: 'api_error' });
    expect(map(502, body).message).not.toContain('secret');
  }
});

test("what concerns the gateway's own credential is a 502", () => {
  expect(
    map(403, { error_code: 'PERMISSION_DENIED', message: 'User who@example.com may not' }),
  ).toMatchObject({
    status: 502,
    code: 'upstream_permission_denied',
    message: expect.not.stringContaining('who'),
  });
  for (const status of [401, 403]) {
    expect(map(status, { message: 'Invalid token dapi123' })).toMatchObject({
      status: 502,
      code: 'upstream_refused_credential',
      message: expect.not.stringContaining('dapi'),
    });
  }
});

test('statuses that are no answer are a 502', () => {
  expect(map(302, '')).toMatchObject({ status: 502, code: 'upstream_unexpected' });
});

test('messages are cut', () => {
  expect(map(400, { message: 'x'.repeat(5000) }).message).toHaveLength(1000);
});

describe('how long an upstream asks not to be called', () => {
  const nowMs = Date.parse('2026-03-01T12:00:00Z');
  test.each<[string, number, string | undefined, string, number | null]>([
    ['seconds', 429, '7', '{}', 7_000],
    ['parts of seconds', 503, '0.5', '{}', 500],
    ['a date', 503, 'Sun, 01 Mar 2026 12:00:30 GMT', '{}', 30_000],
    ['a date that is over', 503, 'Sun, 01 Mar 2026 11:00:00 GMT', '{}', null],
    ["Databricks' body", 429, undefined, '{"error":{"message":"m","retry_after":9}}', 9_000],
    ['the header before the body', 429, '2', '{"error":{"message":"m","retry_after":9}}', 2_000],
    ['nothing', 429, undefined, '{}', null],
    ['nonsense', 429, 'soon', '<html>', null],
    ['another status', 500, '7', '{}', null],
  ])('%s', (_, status, header, body, waitMs) => {
    expect(askedToWaitMs(status, header, Buffer.from(body), nowMs)).toBe(waitMs);
  });
});
