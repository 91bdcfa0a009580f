import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { emissionFaults, type RequestFate, type TollgateEvent } from '@tollgate/events';
import { createSimulatedDatabricks, type SimulatedDatabricks } from '@tollgate/simulated-databricks';
import { until as untilWithin } from '@tollgate/testing';
import { afterEach, beforeEach, expect } from 'vitest';
import {
  type GatewayUnderTest,
  startGatewayUnderTest,
  TEST_KEY,
  type TestPolicyOptions,
  testPolicy,
} from '../../testing/gateway-under-test.ts';

export const CHAT = 'databricks-meta-llama-3-3-70b-instruct';
export const UNREACHABLE = 'http://127.0.0.1:9/serving-endpoints';

export const until = (condition: () => boolean) => untilWithin(condition, { timeoutMs: 5_000 });

/** What stands upstream of the gateway of the test that runs. */
export let upstream: SimulatedDatabricks;
/** The gateway of the test that runs, once it has started it. */
export let under: GatewayUnderTest;

/** Gives each test of a file an upstream of its own, and takes down what it started. */
export function standForEach(): void {
  beforeEach(async () => {
    upstream = createSimulatedDatabricks();
    await upstream.listen();
  });
  afterEach(async () => {
    await under.close();
    await upstream.close();
  });
}

export async function start(
  options: Partial<TestPolicyOptions> = {},
  parts: Parameters<typeof startGatewayUnderTest>[1] = {},
) {
  under = await startGatewayUnderTest(
    testPolicy({ baseUrl: `${upstream.url}/serving-endpoints`, ...options }),
    parts,
  );
}

export const body = (more: object = {}) =>
  JSON.stringify({
    model: CHAT,
    messages: [{ role: 'user', content: 'one two three' }],
    max_tokens: 5,
    ...more,
  });

export function post(content: string, headers: Record<string, string> = {}, path = '/v1/chat/completions') {
  return fetch(under.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json', ...headers },
    body: content,
  });
}

/** Sends a request and goes away as soon as `when` holds. */
export async function postAndLeave(content: string, when: () => boolean, seesBytes = false): Promise<void> {
  const req = httpRequest(`${under.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
  });
  req.on('error', () => {});
  req.end(content);
  if (seesBytes) {
    const [res] = await once(req, 'response');
    await once(res, 'data');
  }
  await until(when);
  req.destroy();
}

export function requestIds(): string[] {
  return [
    ...new Set(
      under.spool
        .events()
        .filter(({ type }) => type !== 'tollgate.rejections.v1')
        .map((e) => e.subject),
    ),
  ];
}

/** The events of the only request there was. */
export function only(): TollgateEvent[] {
  const [id, ...others] = requestIds();
  expect(others).toEqual([]);
  return id === undefined ? [] : under.spool.eventsOf(id);
}

export function usage() {
  for (const event of only()) if (event.type === 'tollgate.usage.v1') return event.data;
  return null;
}

export function decision() {
  for (const event of only()) if (event.type === 'tollgate.decision.v1') return event.data;
  return null;
}

export async function settled(fate: RequestFate): Promise<void> {
  await until(() => emissionFaults(fate, only()).length === 0);
  expect(under.spool.openHolds).toBe(0);
}

interface Refused {
  readonly status: number;
  readonly code: string;
}

export async function refusal(response: Response): Promise<Refused> {
  const answer: unknown = await response.json();
  expect(answer).toMatchObject({
    error: { message: expect.any(String), type: expect.any(String), code: expect.any(String) },
  });
  expect(Object.keys((answer as { error: object }).error).sort()).toEqual([
    'code',
    'message',
    'param',
    'type',
  ]);
  expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  return { status: response.status, code: (answer as { error: { code: string } }).error.code };
}

/** One way for a request to end. */
export interface FateCase {
  readonly name: string;
  readonly fate: Exclude<RequestFate, 'fallen-back' | 'lost'>;
  readonly run: () => Promise<void>;
}
