import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { emissionFaults } from '@tollgate/events';
import { until } from '@tollgate/testing';
import { expect, test } from 'vitest';
import { startGatewayUnderTest, TEST_KEY, testPolicy } from '../testing/gateway-under-test.ts';

const STREAMS = 1_000;

/** Streams opened at once while they are opened one after the other. */
const OPENING = 100;

const MODEL = 'databricks-meta-llama-3-3-70b-instruct';

const chunk = (text: string) => `data: {"choices":[{"index":0,"delta":{"content":"${text}"}}]}\n\n`;

test(`${STREAMS} streams at once each get their own chunks, and are each accounted for once`, async () => {
  const open = new Map<string, ServerResponse>();
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const part of req) body += part;
    const name = (JSON.parse(body) as { messages: { content: string }[] }).messages[0]?.content ?? '';
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write(chunk(`begin ${name}`));
    open.set(name, res);
  }).listen(0, '127.0.0.1', 4_096);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const policy = testPolicy({ baseUrl: `http://127.0.0.1:${port}`, maxConnections: STREAMS });
  const under = await startGatewayUnderTest(policy);
  try {
    const begin = async (name: string) => {
      const response = await fetch(`${under.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TEST_KEY}` },
        body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: name }], stream: true }),
      });
      return { name, response };
    };
    const begun: Awaited<ReturnType<typeof begin>>[] = [];
    for (let i = 0; i < STREAMS; i += OPENING) {
      const names = Array.from({ length: OPENING }, (_, j) => `stream-${i + j}`);
      begun.push(...(await Promise.all(names.map(begin))));
    }
    await until(() => open.size === STREAMS, { timeoutMs: 10_000 });
    expect(under.gateway.inFlight()).toBe(STREAMS);
    const usage = '{"prompt_tokens":2,"completion_tokens":3}';
    for (const [name, res] of open) {
      res.write(chunk(`end ${name}`));
      res.end(`data: {"choices":[],"usage":${usage}}\n\ndata: [DONE]\n\n`);
    }
    const texts = await Promise.all(begun.map(({ response }) => response.text()));
    expect(texts).toEqual(
      begun.map(({ name }) => `${chunk(`begin ${name}`)}${chunk(`end ${name}`)}data: [DONE]\n\n`),
    );
    const ids = begun.map(({ response }) => response.headers.get('x-request-id') ?? '');
    const bySubject = Map.groupBy(under.spool.events(), ({ subject }) => subject);
    expect(ids.flatMap((id) => emissionFaults('answered', bySubject.get(id) ?? []))).toEqual([]);
    expect(under.spool.appended).toHaveLength(3 * STREAMS);
    expect(under.gateway.inFlight()).toBe(0);
    expect(under.spool.openHolds).toBe(0);
  } finally {
    await under.close();
    await policy.upstream.close();
    server.closeAllConnections();
    server.close();
  }
});
