import { once } from 'node:events';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EMISSION_MATRIX, emissionFaults, type RequestFate, type TollgateEvent } from '@tollgate/events';
import { createSimulatedDatabricks, type SimulatedDatabricks } from '@tollgate/simulated-databricks';
import { until as untilWithin } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type GatewayUnderTest,
  startGatewayUnderTest,
  TEST_KEY,
  type TestPolicyOptions,
  testChain,
  testOptions,
  testPolicy,
} from './testing/gateway-under-test.ts';

const CHAT = 'databricks-meta-llama-3-3-70b-instruct';
const UNREACHABLE = 'http://127.0.0.1:9/serving-endpoints';

const until = (condition: () => boolean) => untilWithin(condition, { timeoutMs: 5_000 });

let upstream: SimulatedDatabricks;
let under: GatewayUnderTest;

beforeEach(async () => {
  upstream = createSimulatedDatabricks();
  await upstream.listen();
});
afterEach(async () => {
  await under.close();
  await upstream.close();
});

async function start(
  options: Partial<TestPolicyOptions> = {},
  parts: Parameters<typeof startGatewayUnderTest>[1] = {},
) {
  under = await startGatewayUnderTest(
    testPolicy({ baseUrl: `${upstream.url}/serving-endpoints`, ...options }),
    parts,
  );
}

const body = (more: object = {}) =>
  JSON.stringify({
    model: CHAT,
    messages: [{ role: 'user', content: 'one two three' }],
    max_tokens: 5,
    ...more,
  });

function post(content: string, headers: Record<string, string> = {}, path = '/v1/chat/completions') {
  return fetch(under.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json', ...headers },
    body: content,
  });
}

/** Sends a request and goes away as soon as `when` holds. */
async function postAndLeave(content: string, when: () => boolean, seesBytes = false): Promise<void> {
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

function requestIds(): string[] {
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
function only(): TollgateEvent[] {
  const [id, ...others] = requestIds();
  expect(others).toEqual([]);
  return id === undefined ? [] : under.spool.eventsOf(id);
}

function usage() {
  for (const event of only()) if (event.type === 'tollgate.usage.v1') return event.data;
  return null;
}

function decision() {
  for (const event of only()) if (event.type === 'tollgate.decision.v1') return event.data;
  return null;
}

async function settled(fate: RequestFate): Promise<void> {
  await until(() => emissionFaults(fate, only()).length === 0);
  expect(under.spool.openHolds).toBe(0);
}

interface Refused {
  readonly status: number;
  readonly code: string;
}

async function refusal(response: Response): Promise<Refused> {
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

const cases: readonly {
  readonly name: string;
  readonly fate: Exclude<RequestFate, 'fallen-back' | 'lost'>;
  readonly run: () => Promise<void>;
}[] = [
  {
    name: 'an answer is accounted for as the upstream counted it',
    fate: 'answered',
    run: async () => {
      await start();
      const response = await post(body(), { 'x-request-id': 'mine-1' });
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ usage: { prompt_tokens: 3, completion_tokens: 5 } });
      expect(only()[0]?.subject).toBe(response.headers.get('x-request-id'));
      expect(usage()).toMatchObject({
        fidelity: 'provider',
        quantities: { input_tokens: 3, output_tokens: 5 },
        client_request_id: 'mine-1',
        attempt: 1,
        status: 200,
        upstream_status: 200,
      });
    },
  },
  {
    name: 'a stream is accounted for before its end goes out',
    fate: 'answered',
    run: async () => {
      await start();
      const text = await (await post(body({ stream: true }))).text();
      expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
      expect(text).not.toContain('"prompt_tokens"');
      expect(usage()).toMatchObject({
        fidelity: 'provider',
        stream: true,
        quantities: { input_tokens: 3, output_tokens: 5 },
      });
    },
  },
  {
    name: 'an answer without usage is estimated, and says so',
    fate: 'answered',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'missing-usage' });
      expect((await post(body())).status).toBe(200);
      expect(usage()).toMatchObject({ fidelity: 'estimated', quantities: { input_tokens: 4 } });
      expect(usage()?.quantities.output_tokens).toBeGreaterThan(5);
    },
  },
  {
    name: 'a rule denies',
    fate: 'denied',
    run: async () => {
      const finding = { policy: 'rbac', rule: 'model-not-allowed', action: 'block', count: 1 } as const;
      const rbac = { roles: { analyst: { allowed_models: ['another'] } } };
      await start({ policy: { chain: testChain({ chain: ['rbac'] }, { rbac }, ['analyst']) } });
      expect(await refusal(await post(body()))).toEqual({ status: 403, code: 'model_not_allowed' });
      expect(decision()).toMatchObject({ code: 'model_not_allowed', findings: [finding] });
      expect(upstream.stats().requests).toBe(0);
    },
  },
  {
    name: 'an answer in which something was found is told of',
    fate: 'answered-with-findings',
    run: async () => {
      const filter = { apply_to: ['output'], patterns: [{ name: 'word', regex: '[a-z]+', action: 'flag' }] };
      await start({ policy: { chain: testChain({ chain: ['dlp-filter'] }, { 'dlp-filter': filter }) } });
      expect((await post(body())).status).toBe(200);
    },
  },
  {
    name: 'an answer that is blocked is charged, and not given',
    fate: 'blocked',
    run: async () => {
      const filter = { apply_to: ['output'], patterns: [{ name: 'word', regex: '[a-z]+', action: 'block' }] };
      await start({ policy: { chain: testChain({ chain: ['dlp-filter'] }, { 'dlp-filter': filter }) } });
      expect(await refusal(await post(body()))).toEqual({ status: 400, code: 'output_blocked' });
      expect(usage()).toMatchObject({
        outcome: 'failed',
        fidelity: 'provider',
        quantities: { output_tokens: 5 },
      });
    },
  },
  {
    name: 'a broken body is rejected',
    fate: 'rejected',
    run: async () => {
      await start();
      expect(await refusal(await post('{"model":'))).toEqual({ status: 400, code: 'invalid_json' });
      expect(decision()).toMatchObject({ code: 'invalid_json', attribution: { requested_model: null } });
    },
  },
  {
    name: 'a body without messages is rejected',
    fate: 'rejected',
    run: async () => {
      await start();
      expect(await refusal(await post(JSON.stringify({ model: CHAT })))).toEqual({
        status: 400,
        code: 'invalid_body',
      });
      expect(decision()).toMatchObject({ attribution: { requested_model: CHAT } });
    },
  },
  {
    name: 'an unknown model is rejected',
    fate: 'rejected',
    run: async () => {
      await start();
      expect(await refusal(await post(body({ model: 'no "such" model' })))).toEqual({
        status: 404,
        code: 'model_not_found',
      });
      expect(decision()).toMatchObject({
        attribution: { requested_model: 'no "such" model', target_id: null },
      });
    },
  },
  {
    name: 'a model of another kind is rejected',
    fate: 'rejected',
    run: async () => {
      await start({ target: { task: 'embeddings' } });
      expect(await refusal(await post(body()))).toEqual({ status: 400, code: 'model_not_for_endpoint' });
    },
  },
  {
    name: 'an oversized body is rejected',
    fate: 'rejected',
    run: async () => {
      await start();
      const content = body({ padding: 'x'.repeat(testOptions.maxBodyBytes) });
      expect(await refusal(await post(content))).toEqual({ status: 413, code: 'body_too_large' });
      expect(only()[0]?.data).toMatchObject({ body_bytes: content.length });
    },
  },
  {
    name: 'nothing is sent when the events are not safe',
    fate: 'allowed-without-attempt',
    run: async () => {
      await start();
      under.spool.failure = new Error('disk gone');
      const response = await post(body());
      expect(response.headers.get('retry-after')).toBe('2');
      expect(await refusal(response)).toEqual({ status: 503, code: 'audit_unavailable' });
      expect(usage()).toMatchObject({ attempt: 0, fidelity: 'counted', upstream_status: null, status: 503 });
      expect(upstream.stats().requests).toBe(0);
    },
  },
  {
    name: 'nothing is sent when the events do not become safe in time',
    fate: 'allowed-without-attempt',
    run: async () => {
      await start();
      under.spool.stuck = true;
      const response = post(body());
      await until(() => under.gateway.inFlight() === 1);
      under.clock.aheadMs = testOptions.limits.recordTimeoutMs + 1;
      under.gateway.sweep();
      expect(await refusal(await response)).toEqual({ status: 503, code: 'audit_unavailable' });
      under.spool.unstick();
      expect(upstream.stats().requests).toBe(0);
    },
  },
  {
    name: 'a caller that leaves before the call is not called for',
    fate: 'allowed-without-attempt',
    run: async () => {
      await start();
      under.spool.stuck = true;
      await postAndLeave(body(), () => under.gateway.inFlight() === 1);
      await until(() => under.gateway.connections() === 0);
      under.spool.unstick();
      await settled('allowed-without-attempt');
      expect(usage()).toMatchObject({ status: null, attempt: 0 });
      expect(upstream.stats().requests).toBe(0);
    },
  },
  {
    name: 'a caller that leaves ends the upstream call',
    fate: 'aborted',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'no-answer' });
      await postAndLeave(body(), () => upstream.stats().inFlight === 1);
      await settled('aborted');
      expect(usage()).toMatchObject({
        fidelity: 'partial',
        quantities: { input_tokens: 4, output_tokens: 0 },
        status: null,
      });
      await until(() => upstream.stats().inFlight === 0);
    },
  },
  {
    name: 'a caller that leaves a stream is charged for what was produced',
    fate: 'aborted',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'slow-chunks;ms=20;words=1' });
      await postAndLeave(body({ stream: true, max_tokens: 10_000 }), () => true, true);
      await settled('aborted');
      expect(usage()).toMatchObject({ fidelity: 'partial', status: 200, quantities: { input_tokens: 4 } });
      expect(usage()?.quantities.output_tokens).toBeGreaterThan(0);
      await until(() => upstream.stats().aborted === 1);
    },
  },
  {
    name: 'an upstream that is not there fails',
    fate: 'failed',
    run: async () => {
      await start({ baseUrl: UNREACHABLE });
      expect(await refusal(await post(body()))).toEqual({ status: 502, code: 'upstream_unreachable' });
      expect(usage()).toMatchObject({ fidelity: 'counted', upstream_status: null, status: 502 });
    },
  },
  {
    name: 'an upstream that hangs up fails',
    fate: 'failed',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'reset-before-answer' });
      expect(await refusal(await post(body()))).toEqual({ status: 502, code: 'upstream_broke' });
      expect(usage()).toMatchObject({
        fidelity: 'partial',
        quantities: { input_tokens: 4, output_tokens: 0 },
      });
    },
  },
  {
    name: 'an answer that is cut short fails',
    fate: 'failed',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'reset-mid-answer' });
      expect(await refusal(await post(body()))).toEqual({ status: 502, code: 'upstream_broke' });
    },
  },
  {
    name: 'a stream that is cut short ends with an error event and without its end',
    fate: 'failed',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'close-mid-answer' });
      const text = await (await post(body({ stream: true, max_tokens: 100 }))).text();
      expect(text).toMatch(/data: \{"error":\{.*"code":"upstream_broke"\}\}\n\n$/);
      expect(text).not.toContain('[DONE]');
      expect(usage()).toMatchObject({ fidelity: 'partial', status: 200 });
      expect(usage()?.quantities.output_tokens).toBeGreaterThan(0);
    },
  },
  {
    name: "an upstream's error within a stream becomes ours",
    fate: 'failed',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'error-mid-stream' });
      const text = await (await post(body({ stream: true, max_tokens: 100 }))).text();
      expect(text).toMatch(
        /data: \{"error":\{"message":"[^"]+","type":"[^"]+","param":null,"code":"[^"]+"\}\}\n\n$/,
      );
      expect(text).not.toContain('[DONE]');
    },
  },
  {
    name: 'an answer that is no JSON fails',
    fate: 'failed',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'missing-usage, malformed-json' });
      expect(await refusal(await post(body()))).toEqual({ status: 502, code: 'upstream_unexpected' });
    },
  },
  {
    name: 'a rate limit is passed on with when to come back',
    fate: 'failed',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'rate-limit;retry_after_s=7' });
      const response = await post(body());
      expect(response.headers.get('retry-after')).toBe('7');
      expect(await refusal(response)).toEqual({ status: 429, code: 'upstream_rate_limit' });
      expect(usage()).toMatchObject({
        upstream_status: 429,
        status: 429,
        fidelity: 'counted',
        quantities: { input_tokens: 0 },
      });
    },
  },
  {
    name: "an error of the gateway's own credential is not the caller's",
    fate: 'failed',
    run: async () => {
      await start();
      upstream.setTokens(['another']);
      expect(await refusal(await post(body()))).toEqual({ status: 502, code: 'upstream_refused_credential' });
      expect(usage()).toMatchObject({ upstream_status: 403, status: 502 });
    },
  },
  {
    name: 'an answer beyond the cap fails',
    fate: 'failed',
    run: async () => {
      await start(
        {},
        { options: { ...testOptions, limits: { ...testOptions.limits, maxAnswerBytes: 200 } } },
      );
      expect(await refusal(await post(body({ max_tokens: 500 })))).toEqual({
        status: 502,
        code: 'upstream_answer_too_large',
      });
    },
  },
  {
    name: 'no first byte in time',
    fate: 'timed-out',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'no-answer' });
      const response = post(body());
      await until(() => upstream.stats().inFlight === 1);
      under.clock.aheadMs = testOptions.limits.firstByteTimeoutMs + 1;
      under.gateway.sweep();
      expect(await refusal(await response)).toEqual({ status: 504, code: 'upstream_timeout' });
      expect(usage()).toMatchObject({ fidelity: 'partial', quantities: { input_tokens: 4 } });
      await until(() => upstream.stats().inFlight === 0);
    },
  },
  {
    name: 'silence between chunks',
    fate: 'timed-out',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'stall-mid-answer' });
      const response = await post(body({ stream: true, max_tokens: 100 }));
      const reader = response.body?.getReader();
      await reader?.read();
      under.clock.aheadMs = testOptions.limits.betweenChunksTimeoutMs + 1;
      under.gateway.sweep();
      let text = '';
      for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
        text += Buffer.from(part.value).toString();
      }
      expect(text).toContain('"code":"upstream_timeout"');
      expect(usage()).toMatchObject({ status: 200, upstream_status: 200 });
    },
  },
  {
    name: "the target's total time",
    fate: 'timed-out',
    run: async () => {
      await start({ target: { totalTimeoutMs: 5_000 } });
      upstream.addFault({ fault: 'slow-chunks;ms=50' });
      const response = await post(body({ stream: true, max_tokens: 10_000 }));
      under.clock.aheadMs = 5_001;
      under.gateway.sweep();
      expect(await response.text()).toContain('"code":"upstream_timeout"');
    },
  },
  ...(['missing', 'invalid', 'expired'] as const).map((kind) => ({
    name: `a ${kind} key is counted and not recorded`,
    fate: 'unauthenticated' as const,
    run: async () => {
      await start();
      const authorization = { missing: '', invalid: 'Bearer other', expired: `Bearer ${TEST_KEY}-expired` }[
        kind
      ];
      const headers = authorization === '' ? {} : { authorization };
      for (let i = 0; i < 3; i += 1) {
        const response = await fetch(`${under.url}/v1/chat/completions`, {
          method: 'POST',
          headers,
          body: body(),
        });
        expect(await refusal(response)).toEqual({ status: 401, code: `${kind}_api_key` });
        expect(response.headers.get('www-authenticate')).toBe('Bearer');
      }
      expect(requestIds()).toEqual([]);
      await under.gateway.close(1_000);
      const counted = under.spool
        .events()
        .flatMap((e) => (e.type === 'tollgate.rejections.v1' ? [e.data] : []));
      expect(counted).toMatchObject([
        { counts: [{ client_prefix: '127.0.0.0/24', code: `${kind}_api_key`, count: 3 }], other: 0 },
      ]);
    },
  })),
];

describe('the events of a request are those its fate asks for', () => {
  test.each(cases)('$fate: $name', async ({ fate, run }) => {
    await run();
    await settled(fate);
    const written = () => under.spool.flushed === under.spool.appended.length;
    if (fate === 'aborted' || fate === 'allowed-without-attempt') await until(written);
    // What the caller saw the end of had been written before; rejections are written in their own time.
    else if (fate !== 'unauthenticated') expect(written()).toBe(true);
  });

  test('every fate of a single gateway process is driven', () => {
    const driven = new Set<string>(cases.map(({ fate }) => fate));
    expect(Object.keys(EMISSION_MATRIX).filter((fate) => !driven.has(fate))).toEqual(['fallen-back', 'lost']);
  });
});

describe('a request that can not be accounted for', () => {
  test('is refused while the spool is full, and counted', async () => {
    await start();
    under.spool.full = true;
    const response = await post(body());
    expect(response.headers.get('retry-after')).toBe('2');
    expect(await refusal(response)).toEqual({ status: 503, code: 'audit_unavailable' });
    under.spool.full = false;
    await under.gateway.close(1_000);
    expect(under.spool.events()).toMatchObject([
      { type: 'tollgate.rejections.v1', data: { counts: [{ code: 'audit_unavailable', count: 1 }] } },
    ]);
  });

  test('passes unrecorded and counted where the policy lets it', async () => {
    let unrecorded = 0;
    await start(
      { policy: { audited: false } },
      {
        countUnrecorded: () => {
          unrecorded += 1;
        },
      },
    );
    under.spool.full = true;
    expect((await post(body())).status).toBe(200);
    expect((await post('{')).status).toBe(400);
    expect(unrecorded).toBe(2);
    expect(under.spool.events()).toEqual([]);
  });

  test('is refused while the directory is silent, and readiness says so', async () => {
    let ageMs = 0;
    await start({}, { directoryAgeMs: () => ageMs });
    expect((await fetch(`${under.url}/readyz`)).status).toBe(200);
    ageMs = testOptions.maxDirectoryAgeMs + 1;
    expect(await refusal(await post(body()))).toEqual({ status: 503, code: 'directory_stale' });
    const ready = await fetch(`${under.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.text()).toContain('directory');
  });

  test('does not show its caller an end that was not written', async () => {
    await start();
    const failing = () => {
      under.spool.flushFailure = new Error('disk gone');
    };
    upstream.addFault({ fault: 'slow-chunks;ms=20' });
    const response = await post(body({ stream: true, max_tokens: 40 }));
    failing();
    await expect(response.text()).rejects.toThrow();
    expect(await refusal(await post(body()))).toEqual({ status: 503, code: 'audit_unavailable' });
  });

  test('is refused beyond the calls that may be in flight', async () => {
    await start({}, { options: { ...testOptions, maxInFlight: 1 } });
    upstream.addFault({ fault: 'no-answer', times: 1 });
    const controller = new AbortController();
    const first = fetch(`${under.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TEST_KEY}` },
      body: body(),
      signal: controller.signal,
    }).catch(() => null);
    await until(() => upstream.stats().inFlight === 1);
    expect(await refusal(await post(body()))).toEqual({ status: 503, code: 'overloaded' });
    controller.abort();
    await first;
  });
});

describe('usage that could not be stored', () => {
  test('leaves the request open for the next start, and the caller without an answer', async () => {
    await start();
    upstream.addFault({ fault: 'latency;ms=50' });
    const response = post(body());
    await until(() => upstream.stats().inFlight === 1);
    under.spool.full = true;
    expect(await refusal(await response)).toEqual({ status: 503, code: 'audit_unavailable' });
    expect(under.spool.openHolds).toBe(1);
  });
});

describe('an upstream that never closes', () => {
  let server: Server;
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  test('does not hold back the end of a stream, and is cut off', async () => {
    let closed = 0;
    server = createServer((req, res) => {
      req.resume();
      res.on('close', () => {
        closed += 1;
      });
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\ndata: [DONE]\n\n');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await start({ baseUrl: `http://127.0.0.1:${port}` });
    expect(await (await post(body({ stream: true }))).text()).toBe('data: [DONE]\n\n');
    expect(closed).toBe(0);
    under.clock.aheadMs = 10_000;
    under.gateway.sweep();
    await until(() => closed === 1);
    await settled('answered');
  });
});
