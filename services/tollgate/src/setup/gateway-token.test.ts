import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { temporaryFolder } from '@tollgate/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureGatewayToken } from './gateway-token.ts';

/** As much of a directory as is asked: one administrator, and tokens without the right to list organisations. */
const known = new Set<string>();
let made = 0;
const server = createServer((request, response) => {
  const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
  const problem = (status: number) =>
    response.writeHead(status, { 'content-type': 'application/problem+json' }).end('{}');
  if (!known.has(token)) return problem(401);
  if (request.method === 'GET') return problem(403);
  made += 1;
  known.add(`tgs_${made}`);
  return response.writeHead(201, { 'content-type': 'application/json' }).end(
    JSON.stringify({
      id: `tok_${made}`,
      organisation_id: null,
      principal_type: 'service',
      principal_id: 'gateway',
      name: 'gateways',
      roles: [],
      scopes: ['gateway:register', 'gaps:read', 'budgets:lease'],
      team_id: null,
      expires_at: null,
      version: 1,
      created_at: '2026-03-01T00:00:00.000Z',
      updated_at: '2026-03-01T00:00:00.000Z',
      secret: `tgs_${made}`,
    }),
  );
});
let file = '';
const ensure = (administrator: () => string) => {
  const { port } = server.address() as AddressInfo;
  return ensureGatewayToken({ directoryUrl: `http://127.0.0.1:${port}`, file, administrator });
};
const nobody = () => {
  throw new Error('nobody was to be asked');
};

beforeEach(async () => {
  known.clear();
  known.add('tgs_admin');
  made = 0;
  file = join(temporaryFolder('tokens'), 'gateway', 'token');
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

test('a token is made once; while the directory knows it, the administrator is not needed', async () => {
  expect(await ensure(() => 'tgs_admin')).toBe(true);
  expect(readFileSync(file, 'utf8')).toBe('tgs_1\n');
  expect(await ensure(nobody)).toBe(false);
  expect(made).toBe(1);
});

test('a token of another database is replaced', async () => {
  await ensure(() => 'tgs_admin');
  known.delete('tgs_1');
  expect(await ensure(() => 'tgs_admin')).toBe(true);
  expect(readFileSync(file, 'utf8')).toBe('tgs_2\n');
});

test('an administrator that the directory does not know is named, and nothing is written', async () => {
  await expect(ensure(() => 'tgs_other')).rejects.toMatchObject({ code: 'token-refused' });
  expect(existsSync(file)).toBe(false);
});
