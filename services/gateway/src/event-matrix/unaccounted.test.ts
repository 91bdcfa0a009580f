import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { TEST_KEY, testOptions } from '../testing/gateway-under-test.ts';
import {
  body,
  post,
  refusal,
  settled,
  standForEach,
  start,
  under,
  until,
  upstream,
} from './testing/fates.ts';

standForEach();

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
