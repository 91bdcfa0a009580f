import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { SERVICES } from '../stack/environment.ts';
import { assertFree, chooseAddresses, urlOf } from './ports.ts';

const servers: ReturnType<typeof createServer>[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Something that listens, and answers everything with this. */
async function listening(answer: string): Promise<{ host: string; port: number }> {
  const server = createServer((_request, response) => response.end(answer));
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

test('every part has its usual port, all moved by the offset, and the gateway listens where it is told to', async () => {
  const usual = await chooseAddresses({ listen: null, offset: 0, free: false });
  const moved = await chooseAddresses({ listen: null, offset: 7, free: false });
  expect(usual.gateway).toEqual({ host: '127.0.0.1', port: 41_002 });
  expect(new Set(Object.values(usual).map(({ port }) => port)).size).toBe(SERVICES.length + 1);
  for (const name of SERVICES) expect(moved[name].port).toBe(usual[name].port + 7);
  const listen = { host: '0.0.0.0', port: 80 };
  const told = await chooseAddresses({ listen, offset: 0, free: false });
  expect(told.gateway).toEqual(listen);
  expect(urlOf(told.gateway)).toBe('http://127.0.0.1:80');
});

test('every taken port is named in one line, with who seems to be there and what to do', async () => {
  const other = await listening('hello');
  const tollgate = await listening('{"status":"ok"}');
  await expect(assertFree({ audit: other, gateway: tollgate })).rejects.toMatchObject({
    code: 'port-taken',
    message: expect.stringMatching(
      new RegExp(
        `^127.0.0.1:${other.port} \\(audit\\) is taken by another program, ` +
          `127.0.0.1:${tollgate.port} \\(gateway\\) is taken by what looks like another Tollgate: .*--port-offset`,
      ),
    ),
  });
});

test('ports that nobody has are free', async () => {
  await assertFree(await chooseAddresses({ listen: null, offset: 0, free: true }));
});
