import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until as untilWithin } from '@tollgate/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { testOptions } from '../../testing/gateway-under-test.ts';
import {
  type RouteUnderTest,
  type RouteUnderTestOptions,
  startRouteUnderTest,
} from '../../testing/route-under-test.ts';

const UNREACHABLE = 'http://127.0.0.1:9/serving-endpoints';
const until = (condition: () => boolean) => untilWithin(condition, { timeoutMs: 5_000 });

let under: RouteUnderTest;
afterEach(() => under.close());

async function start(count = 2, more: Partial<RouteUnderTestOptions> = {}): Promise<void> {
  under = await startRouteUnderTest({ targets: Array.from({ length: count }, () => ({})), ...more });
}

/** Has a target's workspace misbehave. */
const fault = (index: number, kind: string, times?: number) =>
  under.workspaces[index]?.addFault({ fault: kind, ...(times === undefined ? {} : { times }) });

/** How many requests reached each workspace. */
const asked = () => under.workspaces.map((workspace) => workspace.stats().requests);

const code = async (response: Response) =>
  ((await response.json()) as { error: { code: string } }).error.code;

describe('the next target is asked', () => {
  test.each([
    ['rate-limit', 429],
    ['internal-error', 500],
    ['bad-gateway', 502],
    ['unavailable', 503],
    ['upstream-timeout', 504],
  ])('after %s', async (kind, status) => {
    await start();
    fault(0, kind);
    const response = await under.ask();
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ model: 'model-two' });
    expect(asked()).toEqual([1, 1]);
    await under.settled('fallen-back');
    expect(under.usage()).toMatchObject([
      {
        attempt: 1,
        final: false,
        outcome: 'failed',
        upstream_status: status,
        status: null,
        fidelity: 'counted',
        quantities: { input_tokens: 0 },
        attribution: { requested_model: 'chat', served_model: 'model-one', target_id: 'one' },
      },
      {
        attempt: 2,
        final: true,
        outcome: 'completed',
        upstream_status: 200,
        status: 200,
        fidelity: 'provider',
        quantities: { input_tokens: 3, output_tokens: 5 },
        attribution: { requested_model: 'chat', served_model: 'model-two', target_id: 'two' },
      },
    ]);
    expect(under.spool.openHolds).toBe(0);
  });

  test('where the first one is not there', async () => {
    await start(2, { targets: [{ baseUrl: UNREACHABLE }, {}] });
    expect((await under.ask()).status).toBe(200);
    await under.settled('fallen-back');
    expect(under.usage()[0]).toMatchObject({ fidelity: 'counted', upstream_status: null, outcome: 'failed' });
  });

  test('where the first one hangs up', async () => {
    await start();
    fault(0, 'reset-before-answer');
    expect((await under.ask()).status).toBe(200);
    await under.settled('fallen-back');
    expect(under.usage()[0]).toMatchObject({ fidelity: 'partial', quantities: { input_tokens: 4 } });
  });

  test('where the first one breaks off in the middle of an answer that is not passed on yet', async () => {
    await start();
    fault(0, 'reset-mid-answer');
    expect((await under.ask()).status).toBe(200);
    await under.settled('fallen-back');
    expect(under.usage()[0]).toMatchObject({ fidelity: 'partial', upstream_status: 200 });
  });

  test('where the first one says nothing in time, whose work is ended', async () => {
    await start();
    fault(0, 'no-answer');
    const response = under.ask();
    await until(() => under.workspaces[0]?.stats().inFlight === 1);
    under.clock.aheadMs = testOptions.limits.firstByteTimeoutMs + 1;
    under.gateway.sweep();
    expect((await response).status).toBe(200);
    await under.settled('fallen-back');
    expect(under.usage()[0]).toMatchObject({ outcome: 'timed-out', fidelity: 'partial' });
    await until(() => under.workspaces[0]?.stats().inFlight === 0);
  });

  test("where the first one took its target's time", async () => {
    await start(2, { targets: [{ totalTimeoutMs: 5_000 }, {}] });
    fault(0, 'no-answer');
    const response = under.ask();
    await until(() => under.workspaces[0]?.stats().inFlight === 1);
    under.clock.aheadMs = 5_001;
    under.gateway.sweep();
    expect((await response).status).toBe(200);
    expect(under.usage()[0]).toMatchObject({ outcome: 'timed-out' });
  });

  test('for a stream, too', async () => {
    await start();
    fault(0, 'unavailable');
    const text = await (await under.ask({ stream: true })).text();
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(text).toContain('model-two');
    await under.settled('fallen-back');
  });

  test('in the order of the list, each once, whichever was first', async () => {
    await start(4, { weights: [0, 0, 1, 0] });
    for (const index of [0, 1, 2]) fault(index, 'internal-error');
    expect(await (await under.ask()).json()).toMatchObject({ model: 'model-four' });
    expect(under.usage().map(({ attribution }) => attribution.target_id)).toEqual([
      'three',
      'one',
      'two',
      'four',
    ]);
    expect(asked()).toEqual([1, 1, 1, 1]);
    await under.settled('fallen-back');
  });
});

describe('no other target is asked', () => {
  test.each([
    ['bad-request', 400],
    ['context-length', 400],
    ['guardrail-block', 400],
    ['permission-denied', 502],
  ])('after %s, which no retry mends', async (kind, status) => {
    await start();
    fault(0, kind);
    expect((await under.ask()).status).toBe(status);
    expect(asked()).toEqual([1, 0]);
    await under.settled('failed');
  });

  test('once the first byte has gone out', async () => {
    await start();
    fault(0, 'close-mid-answer');
    const text = await (await under.ask({ stream: true, max_tokens: 200 })).text();
    expect(text).toContain('"code":"upstream_broke"');
    expect(asked()).toEqual([1, 0]);
    await under.settled('failed');
  });

  test('when the time of the whole call is over', async () => {
    await start();
    fault(0, 'no-answer');
    const response = under.ask();
    await until(() => under.workspaces[0]?.stats().inFlight === 1);
    under.clock.aheadMs = testOptions.limits.totalTimeoutMs + 1;
    under.gateway.sweep();
    expect((await response).status).toBe(504);
    expect(asked()).toEqual([1, 0]);
    await under.settled('timed-out');
  });

  test('for a caller that has left', async () => {
    await start();
    fault(0, 'no-answer');
    const leave = new AbortController();
    const response = under.ask({}, leave.signal).catch(() => null);
    await until(() => under.workspaces[0]?.stats().inFlight === 1);
    leave.abort();
    await response;
    await under.settled('aborted');
    await until(() => under.workspaces[0]?.stats().inFlight === 0);
    expect(asked()).toEqual([1, 0]);
    expect(under.usage()).toMatchObject([{ fidelity: 'partial', quantities: { input_tokens: 4 } }]);
  });
});

describe('a stream of which nothing has come but its head', () => {
  const event = (content: string) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;
  let first: ServerResponse | null;
  let server: Server;

  /** The first target is one that the test answers for, once it has sent the head of a stream. */
  async function startHeld(alone = false): Promise<void> {
    first = null;
    server = createServer((_, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      first = res;
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const targets = [{ baseUrl: `http://127.0.0.1:${port}/serving-endpoints` }, ...(alone ? [] : [{}])];
    under = await startRouteUnderTest({ targets });
  }

  /** Asks for a stream, of which nothing but the head has come by then. */
  async function held(): Promise<{ readonly answer: Promise<Response>; readonly upstream: ServerResponse }> {
    const answer = under.ask({ stream: true });
    await until(() => first !== null);
    if (first === null) throw new Error('not asked');
    return { answer, upstream: first };
  }

  /** Waits until the gateway has the head as well: it tells the spool how far a stream has come that is no event yet. */
  async function headHasCome(upstream: ServerResponse): Promise<void> {
    upstream.write('data: {"error":');
    await until(() => under.spool.frames.length > 0);
  }

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  test.each([
    ['breaks off', (res: ServerResponse) => res.destroy()],
    ['tells of an error', (res: ServerResponse) => res.end('{"message":"overloaded"}}\n\n')],
    ['ends at once', null],
  ])('is followed by the next target where it %s', async (_, end) => {
    await startHeld();
    const { answer, upstream } = await held();
    if (end === null) upstream.end();
    else {
      await headHasCome(upstream);
      end(upstream);
    }
    const response = await answer;
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(text).toContain('model-two');
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    await under.settled('fallen-back');
    expect(under.usage()).toMatchObject([
      {
        attempt: 1,
        final: false,
        outcome: 'failed',
        upstream_status: 200,
        fidelity: 'partial',
        status: null,
      },
      { attempt: 2, final: true, outcome: 'completed', status: 200 },
    ]);
    expect(under.spool.openHolds).toBe(0);
  });

  test('goes out with its first event, and from there on it is the answer', async () => {
    await startHeld();
    const { answer, upstream } = await held();
    upstream.write(event('one'));
    const response = await answer;
    expect(response.status).toBe(200);
    upstream.destroy();
    expect(await response.text()).toContain('"code":"upstream_broke"');
    expect(asked()).toEqual([0, 0]);
    await under.settled('failed');
  });

  test('goes out without an event after a while, for those who wait for it', async () => {
    await startHeld();
    const { answer, upstream } = await held();
    await headHasCome(upstream);
    under.clock.aheadMs = 5_200;
    under.gateway.sweep();
    const response = await answer;
    expect(response.status).toBe(200);
    upstream.destroy();
    expect(await response.text()).toContain('"code":"upstream_broke"');
    expect(under.usage()).toMatchObject([{ final: true, status: 200 }]);
  });

  test('goes out at once where there is no other target', async () => {
    await startHeld(true);
    const { answer, upstream } = await held();
    expect((await answer).status).toBe(200);
    upstream.destroy();
    await (await answer).text();
    await under.settled('failed');
  });

  test('is an error of the protocol with its own status where every target fails so', async () => {
    await startHeld();
    fault(1, 'unavailable');
    const { answer, upstream } = await held();
    upstream.destroy();
    const response = await answer;
    expect(response.status).toBe(503);
    expect(response.headers.get('content-type')).toBe('application/json');
    await under.settled('failed');
    expect(under.usage().at(-1)).toMatchObject({ final: true, status: 503 });
  });
});

describe('while the end of an attempt is being made safe', () => {
  /** Leaves a request between its first attempt and its second. */
  async function between(leave?: AbortSignal): Promise<{ readonly response: Promise<Response | null> }> {
    await start();
    fault(0, 'latency;ms=50, internal-error');
    const response = under.ask({}, leave).catch(() => null);
    await until(() => under.workspaces[0]?.stats().inFlight === 1);
    under.spool.stuck = true;
    await until(() => under.usage().length === 1);
    return { response };
  }

  test('nothing more is sent', async () => {
    const { response } = await between();
    expect(asked()).toEqual([1, 0]);
    under.spool.unstick();
    expect((await response)?.status).toBe(200);
    await under.settled('fallen-back');
  });

  test('a caller may leave, and is not called for again', async () => {
    const leave = new AbortController();
    const { response } = await between(leave.signal);
    leave.abort();
    await response;
    await until(() => under.usage().length === 2);
    under.spool.unstick();
    await under.settled('aborted');
    expect(under.usage()).toMatchObject([
      { attempt: 1, final: false },
      { attempt: 2, final: true, fidelity: 'counted', status: null },
    ]);
    await until(() => under.gateway.inFlight() === 0);
    expect(asked()).toEqual([1, 0]);
  });

  test('it may fail, which ends the call', async () => {
    const { response } = await between();
    under.spool.failure = new Error('disk gone');
    under.spool.unstick();
    expect((await response)?.status).toBe(503);
    await under.settled('failed');
    expect(under.usage()).toMatchObject([{ final: false }, { attempt: 2, final: true }]);
    expect(under.spool.openHolds).toBe(0);
  });

  test('it may take too long, which ends the call', async () => {
    const { response } = await between();
    under.clock.aheadMs = testOptions.limits.recordTimeoutMs + 1;
    under.gateway.sweep();
    expect((await response)?.status).toBe(503);
    under.spool.unstick();
    await under.settled('failed');
    expect(asked()).toEqual([1, 0]);
  });
});

describe('when every target fails', () => {
  test('the caller is told what says most, and the last attempt is the final one', async () => {
    await start(3);
    fault(0, 'rate-limit;retry_after_s=7');
    fault(1, 'unavailable;retry_after_s=3');
    fault(2, 'internal-error');
    const response = await under.ask();
    expect(response.status).toBe(429);
    // The third may be asked at once.
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await code(response)).toBe('upstream_rate_limit');
    expect(under.usage()).toMatchObject([
      { attempt: 1, final: false, upstream_status: 429 },
      { attempt: 2, final: false, upstream_status: 503 },
      { attempt: 3, final: true, upstream_status: 500, status: 429, outcome: 'failed' },
    ]);
    await under.settled('failed');
  });

  test('the shortest wait is the one that is told', async () => {
    await start(2);
    fault(0, 'rate-limit;retry_after_s=7');
    fault(1, 'rate-limit-detailed;retry_after_s=4');
    const response = await under.ask();
    expect(response.headers.get('retry-after')).toBe('4');
    expect(await code(response)).toBe('upstream_rate_limit');
  });
});
