import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readBody } from './read-body.ts';

const MAX = 1000;

let server: Server;
let client: Socket;
let outcome: Promise<string>;

beforeEach(async () => {
  const result = Promise.withResolvers<string>();
  outcome = result.promise;
  server = createServer((req: IncomingMessage) => {
    let calls = 0;
    readBody(req, MAX, (failure, body) => {
      calls += 1;
      result.resolve(`${calls} ${failure ?? body.toString('utf8')}`);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
});
afterEach(() => {
  client.destroy();
  server.closeAllConnections();
  server.close();
});

const head = (headers: string) => `POST / HTTP/1.1\r\nhost: x\r\n${headers}\r\n\r\n`;

test('a body of declared length is given as it came', async () => {
  client.write(`${head('content-length: 5')}hällo`.slice(0, -1));
  expect(await outcome).toBe('1 häll');
});

test('a body in pieces is put together', async () => {
  client.write(`${head('content-length: 6')}abc`);
  setImmediate(() => client.write('def'));
  expect(await outcome).toBe('1 abcdef');
});

test('a chunked body ends with its message', async () => {
  client.write(`${head('transfer-encoding: chunked')}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`);
  expect(await outcome).toBe('1 abcde');
});

test('no body is an empty one', async () => {
  client.write(head('content-length: 0'));
  expect(await outcome).toBe('1 ');
});

test('a declared length beyond the cap is refused, also where the body never comes', async () => {
  client.write(head('content-length: 1001'));
  expect(await outcome).toBe('1 too-large');
});

test('a chunked body beyond the cap is refused, and nothing of it kept', async () => {
  client.write(`${head('transfer-encoding: chunked')}7d0\r\n${'x'.repeat(2000)}\r\n0\r\n\r\n`);
  expect(await outcome).toBe('1 too-large');
});

test('a body cut short is incomplete', async () => {
  client.write(`${head('content-length: 10')}abc`);
  await once(server, 'request');
  client.destroy();
  expect(await outcome).toBe('1 incomplete');
});
