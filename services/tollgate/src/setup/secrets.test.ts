import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@tollgate/testing';
import { expect, test } from 'vitest';
import { type SecretsOptions, writeSecrets } from './secrets.ts';

const ROLES = ['directory', 'databricks_sync'];
const FILES = [
  'database/databricks-sync-password',
  'database/directory-password',
  'database/owner-url',
  'databricks-sync/database-url',
  'databricks/token',
  'directory/database-url',
  'postgres/password',
];

function secretsIn(folder: string, more: Partial<SecretsOptions> = {}): string[] {
  return writeSecrets({
    folder,
    postgres: 'postgres:5432/tollgate',
    owner: 'tollgate',
    roles: ROLES,
    databricksToken: null,
    ...more,
  });
}

const textOf = (folder: string, name: string) => readFileSync(join(folder, name), 'utf8').trimEnd();

test('each reader finds what it needs in a folder of its own, and the passwords are all different', () => {
  const folder = temporaryFolder('secrets');
  expect(secretsIn(folder).toSorted()).toEqual(FILES);
  for (const [service, role] of [
    ['directory', 'directory'],
    ['databricks-sync', 'databricks_sync'],
  ] as const) {
    const password = textOf(folder, `database/${service}-password`);
    expect(textOf(folder, `${service}/database-url`)).toBe(
      `postgres://${role}:${password}@postgres:5432/tollgate`,
    );
  }
  expect(textOf(folder, 'database/owner-url')).toBe(
    `postgres://tollgate:${textOf(folder, 'postgres/password')}@postgres:5432/tollgate`,
  );
  const passwords = FILES.filter((name) => !name.endsWith('-url')).map((name) => textOf(folder, name));
  expect(new Set(passwords).size).toBe(passwords.length);
  for (const password of passwords) expect(password).toMatch(/^[\w-]{32}$/);
});

test('only the password that Postgres itself reads, as another account, is open to other accounts', () => {
  const folder = temporaryFolder('secrets');
  secretsIn(folder);
  for (const name of FILES) {
    const mode = statSync(join(folder, name)).mode & 0o777;
    expect([name, mode.toString(8)]).toEqual([name, name === 'postgres/password' ? '444' : '600']);
  }
});

test('what is there stays; what is lost is made again, and what follows from it with it', () => {
  const folder = temporaryFolder('secrets');
  secretsIn(folder);
  const before = new Map(FILES.map((name) => [name, textOf(folder, name)]));
  expect(secretsIn(folder)).toEqual([]);

  rmSync(join(folder, 'directory/database-url'));
  expect(secretsIn(folder)).toEqual(['directory/database-url']);
  expect(textOf(folder, 'directory/database-url')).toBe(before.get('directory/database-url'));

  rmSync(join(folder, 'database/directory-password'));
  expect(secretsIn(folder)).toEqual(['database/directory-password', 'directory/database-url']);
  expect(textOf(folder, 'directory/database-url')).toContain(textOf(folder, 'database/directory-password'));
  expect(textOf(folder, 'databricks-sync/database-url')).toBe(before.get('databricks-sync/database-url'));

  writeFileSync(join(folder, 'databricks/token'), '');
  expect(secretsIn(folder)).toEqual(['databricks/token']);
});

test('a token of a real workspace replaces the made-up one, and stays', () => {
  const folder = temporaryFolder('secrets');
  secretsIn(folder);
  expect(secretsIn(folder, { databricksToken: 'dapi-real' })).toEqual(['databricks/token']);
  expect(secretsIn(folder)).toEqual([]);
  expect(textOf(folder, 'databricks/token')).toBe('dapi-real');
});

test('where a secret cannot be kept, it says where, and leaves no half of one', () => {
  const folder = temporaryFolder('secrets');
  mkdirSync(join(folder, 'postgres'));
  symlinkSync('/nowhere/at-all', join(folder, 'directory'));
  expect(() => secretsIn(folder)).toThrow(
    expect.objectContaining({
      code: 'not-writable',
      message: expect.stringContaining('directory/database-url'),
    }),
  );
  expect(readdirSync(join(folder, 'postgres'))).toEqual(['password']);
});
