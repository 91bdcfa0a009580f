import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { until } from '@tollgate/testing';
import { expect, test } from 'vitest';
import {
  startGatewayUnderTest,
  TEST_KEY,
  testChain,
  testOptions,
  testPolicy,
} from '../testing/gateway-under-test.ts';

/** Far more than sockets and streams hold on their own. */
const STREAM_BYTES = 64 * 1024 * 1024;
const EVENT = Buffer.from(`data: {"choices":[{"delta":{"content":"${'x'.repeat(16_000)}"}}]}\n\n`);

const GUARDED = testChain({ chain: ['pii-detector'] }, { 'pii-detector': { apply_to: ['output'] } });

test.each([
  ['of an answer', null],
  ['of an answer that is looked at', GUARDED],
])('a caller that does not read %s stops the upstream, and is given up after a while', async (_, chain) => {
  let sent = 0;
  let cut = false;
  const upstream = createServer((req, res) => {
    req.resume();
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.on('close', () => {
      cut = true;
    });
    const more = () => {
      while (sent < STREAM_BYTES) {
        sent += EVENT.length;
        if (!res.write(EVENT)) {
          res.once('drain', more);
          return;
        }
      }
      res.end('data: [DONE]\n\n');
    };
    more();
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const { port } = upstream.address() as AddressInfo;
  const under = await startGatewayUnderTest(
    testPolicy({ baseUrl: `http://127.0.0.1:${port}`, policy: { chain } }),
  );
  const body = JSON.stringify({ model: 'databricks-bge-large-en', messages: [], stream: true });
  const caller = connect(Number(new URL(under.url).port), '127.0.0.1');
  caller.pause();
  caller.on('error', () => {});
  caller.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TEST_KEY}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  try {
    // The upstream has filled what the sockets hold and waits.
    let before = -1;
    let still = 0;
    await until(
      () => {
        still = sent > 0 && sent === before ? still + 1 : 0;
        before = sent;
        return still === 4;
      },
      { timeoutMs: 10_000, intervalMs: 200 },
    );
    expect(sent).toBeLessThan(STREAM_BYTES / 2);
    expect(under.gateway.inFlight()).toBe(1);
    under.clock.aheadMs = testOptions.limits.callerStallTimeoutMs + 1;
    under.gateway.sweep();
    await until(() => cut, { timeoutMs: 5_000 });
    expect(under.spool.events().at(-1)?.data).toMatchObject({ outcome: 'aborted', fidelity: 'partial' });
  } finally {
    caller.destroy();
    await under.close();
    upstream.closeAllConnections();
    upstream.close();
  }
});

test('a slow caller gets everything, and progress is noted meanwhile', async () => {
  const total = 4 * 1024 * 1024;
  const upstream = createServer((req, res) => {
    req.resume();
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let bytes = 0; bytes < total; bytes += EVENT.length) res.write(EVENT);
    res.end('data: [DONE]\n\n');
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const { port } = upstream.address() as AddressInfo;
  const under = await startGatewayUnderTest(testPolicy({ baseUrl: `http://127.0.0.1:${port}` }));
  try {
    const response = await fetch(`${under.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TEST_KEY}` },
      body: JSON.stringify({ model: 'databricks-bge-large-en', messages: [], stream: true }),
    });
    let received = 0;
    let tail = '';
    for await (const chunk of response.body ?? []) {
      received += chunk.length;
      tail = (tail + Buffer.from(chunk).toString('latin1')).slice(-20);
      under.clock.aheadMs += 1_000;
      under.gateway.sweep();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(tail.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(received).toBe(Math.ceil(total / EVENT.length) * EVENT.length + 'data: [DONE]\n\n'.length);
    expect(under.spool.frames.length).toBeGreaterThan(0);
    const last = under.spool.frames.at(-1);
    expect(last?.outputTokens).toBeGreaterThan((last?.outputBytes ?? 0) / 5);
    expect(under.spool.events().at(-1)?.data).toMatchObject({ outcome: 'completed', fidelity: 'estimated' });
  } finally {
    await under.close();
    upstream.close();
  }
});
