import { expect, test } from 'vitest';
import { upstreamRefusal } from './error-body.ts';

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

test("Databricks' textual code becomes the code", () => {
  expect(map(404, { error_code: 'ENDPOINT_NOT_FOUND', message: 'gone' })).toMatchObject({
    status: 404,
    code: 'endpoint_not_found',
    message: 'gone',
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
    code: '[redacted]',
    message: 'no [redacted] here',
  });
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
