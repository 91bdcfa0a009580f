import { once } from 'node:events';
import { type AddressInfo, connect as connectTo, createServer, type Server, type Socket } from 'node:net';
import { createLogger } from '@tollgate/telemetry';
import { createTestDatabase, freePort, type TestDatabase, until } from '@tollgate/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { waitForDatabase } from './wait-for-database.ts';

const PASSWORD = 'do-not-tell';
const ROLE = 'nobody_in_particular';

let database: TestDatabase;
const ends: (() => void)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
});
afterAll(() => database.close());

function recorder() {
  const lines: string[] = [];
  const logger = createLogger({
    service: 'test',
    destination: {
      write(line: string) {
        lines.push(line);
      },
    },
  });
  return { lines, logger };
}

/** A server at a port of ours that does this with each connection. */
async function serverAt(port: number, onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  ends.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function urlAt(port: number): string {
  return `postgres://${ROLE}:${PASSWORD}@127.0.0.1:${port}/billing`;
}

test('goes on once the server is there', async () => {
  const real = new URL(database.ownerUrl);
  const port = await freePort();
  const away = new URL(real);
  away.port = String(port);
  const { lines, logger } = recorder();
  const waiting = waitForDatabase({ url: away.href, applicationName: 'test', timeoutMs: 30_000, logger });
  await until(() => lines.length > 1, { timeoutMs: 10_000 });
  await serverAt(port, (socket) => {
    const onwards = connectTo(Number(real.port), real.hostname);
    onwards.on('error', () => socket.destroy());
    socket.on('close', () => onwards.destroy());
    socket.pipe(onwards).pipe(socket);
  });
  await waiting;
  expect(lines[0]).toContain(`waiting for Postgres at 127.0.0.1:${port}${real.pathname}`);
  expect(lines.join('')).not.toContain(real.password);
});

test('gives up when the time is over, and tells where nobody answered but not as whom', async () => {
  const port = await freePort();
  const { lines, logger } = recorder();
  const waiting = waitForDatabase({ url: urlAt(port), applicationName: 'test', timeoutMs: 300, logger });
  await expect(waiting).rejects.toMatchObject({
    code: 'unreachable',
    message: expect.stringContaining(`no Postgres at 127.0.0.1:${port}/billing within 0.3 s (`),
  });
  const message = await waiting.catch(String);
  expect(lines.length).toBeGreaterThan(0);
  for (const secret of [PASSWORD, ROLE]) expect(`${message}${lines.join('')}`).not.toContain(secret);
});

test('tries once where no time is given', async () => {
  const { lines, logger } = recorder();
  const options = { url: urlAt(await freePort()), applicationName: 'test', timeoutMs: 0, logger };
  await expect(waitForDatabase(options)).rejects.toMatchObject({ code: 'unreachable' });
  expect(lines).toEqual([]);
});

test('ends when it is told to, also while a server keeps it waiting', async () => {
  const reached = Promise.withResolvers<void>();
  const port = await serverAt(0, () => reached.resolve());
  const stop = new AbortController();
  const { logger } = recorder();
  const waiting = waitForDatabase({
    url: urlAt(port),
    applicationName: 'test',
    timeoutMs: 60_000,
    signal: stop.signal,
    logger,
  });
  await reached.promise;
  stop.abort(new Error('stopped by SIGTERM'));
  await expect(waiting).rejects.toThrow('stopped by SIGTERM');
});

test('does not wait for what waiting does not mend', async () => {
  const wrong = new URL(database.ownerUrl);
  wrong.password = PASSWORD;
  const { lines, logger } = recorder();
  const options = { url: wrong.href, applicationName: 'test', timeoutMs: 60_000, logger };
  await expect(waitForDatabase(options)).rejects.toMatchObject({ code: '28P01' });
  expect(lines).toEqual([]);
});
