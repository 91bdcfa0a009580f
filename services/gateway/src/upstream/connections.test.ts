import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { freePort, until as untilWithin } from '@tollgate/testing';
import type { Dispatcher } from 'undici';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Connections } from './connections.ts';

const until = (condition: () => boolean) => untilWithin(condition, { timeoutMs: 5_000 });

let server: Server;
let origin: string;
let sockets: Set<Socket>;
/** Calls that have arrived and are not answered, oldest first. */
let held: { readonly path: string; readonly port: number; readonly res: ServerResponse }[];
let connections: Connections;

beforeEach(async () => {
  sockets = new Set();
  held = [];
  server = createServer((req, res) => {
    req.resume();
    held.push({ path: req.url ?? '', port: req.socket.remotePort ?? 0, res });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  connections = new Connections(origin, { maxConnections: 2, connectTimeoutMs: 1_000 });
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await connections.close();
});

/** Sends a call; resolves with how it ended. */
function send(path: string, over = connections): Promise<string> {
  return new Promise((resolve) => {
    let status = 0;
    over.dispatch({ method: 'POST', path, body: Buffer.from('{}') }, {
      onRequestStart() {},
      onResponseStart(_controller, code) {
        status = code;
      },
      onResponseData() {},
      onResponseEnd: () => resolve(String(status)),
      onResponseError: (_controller, error) => resolve('code' in error ? String(error.code) : error.message),
    } satisfies Dispatcher.DispatchHandler);
  });
}

/** By the next turn of the event loop, connections whose calls have ended lie free. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Answers the oldest call. */
function answer() {
  const next = held.shift();
  next?.res.end('{}');
  return next;
}

describe('calls', () => {
  test('have the connection that was free last', async () => {
    const first = [send('/a'), send('/b')];
    await until(() => held.length === 2);
    const [a, b] = [answer(), answer()];
    await Promise.all(first);
    await turn();
    const third = send('/c');
    await until(() => held.length === 1);
    expect([a?.port, b?.port]).toContain(held[0]?.port);
    answer();
    await third;
    await turn();
    const fourth = send('/d');
    await until(() => held.length === 1);
    const port = held[0]?.port;
    answer();
    await fourth;
    await turn();
    const fifth = send('/e');
    await until(() => held.length === 1);
    expect(held[0]?.port).toBe(port);
    answer();
    expect(await fifth).toBe('200');
    expect(sockets.size).toBe(2);
  });

  test('beyond what there may be wait for one, in their order', async () => {
    const all = ['/a', '/b', '/c', '/d', '/e'].map((path) => send(path));
    await until(() => held.length === 2);
    expect(connections.count).toBe(2);
    const order: string[] = [];
    for (let i = 0; i < 5; i += 1) {
      await until(() => held.length > 0);
      order.push(answer()?.path ?? '');
    }
    expect(await Promise.all(all)).toEqual(['200', '200', '200', '200', '200']);
    expect(order.slice(2)).toEqual(['/c', '/d', '/e']);
    expect(sockets.size).toBe(2);
  });

  test('that break free their place for those that wait', async () => {
    const all = ['/a', '/b', '/c'].map((path) => send(path));
    await until(() => held.length === 2);
    held.shift()?.res.socket?.resetAndDestroy();
    await until(() => held.some(({ path }) => path === '/c'));
    answer();
    answer();
    const outcomes = (await Promise.all(all)).sort();
    expect(outcomes.filter((outcome) => outcome === '200')).toHaveLength(2);
    await until(() => connections.count <= 2);
  });

  test('to nobody fail one by one, and leave nothing behind', async () => {
    const nobody = new Connections(`http://127.0.0.1:${await freePort()}`, {
      maxConnections: 2,
      connectTimeoutMs: 1_000,
    });
    const outcomes = await Promise.all(['/a', '/b', '/c', '/d', '/e'].map((path) => send(path, nobody)));
    expect(outcomes).toEqual(Array(5).fill('ECONNREFUSED'));
    expect(nobody.count).toBe(0);
    await nobody.close();
  });

  test('that undici refuses take up no connection', async () => {
    expect(await send('no path')).toBe('UND_ERR_INVALID_ARG');
    const [a, b] = [send('/a'), send('/b')];
    await until(() => held.length === 2);
    answer();
    answer();
    expect(await Promise.all([a, b])).toEqual(['200', '200']);
  });
});

test('a free connection that the upstream closes is forgotten', async () => {
  const all = [send('/a'), send('/b')];
  await until(() => held.length === 2);
  answer();
  answer();
  await Promise.all(all);
  for (const socket of sockets) socket.destroy();
  await until(() => connections.count === 0);
  const again = send('/c');
  await until(() => held.length === 1);
  answer();
  expect(await again).toBe('200');
});

test('closing waits for the calls in flight and those that wait', async () => {
  const all = ['/a', '/b', '/c'].map((path) => send(path));
  await until(() => held.length === 2);
  let closed = false;
  const closing = connections.close().then(() => {
    closed = true;
  });
  for (let i = 0; i < 3; i += 1) {
    await until(() => held.length > 0);
    expect(closed).toBe(false);
    answer();
  }
  expect(await Promise.all(all)).toEqual(['200', '200', '200']);
  await closing;
  await until(() => sockets.size === 0);
});
