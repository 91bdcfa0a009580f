import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openPool } from '@tollgate/database';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from './temporary-folder.ts';
import { createTestDatabase, type TestService } from './test-database.ts';

async function serviceWith(sql: string): Promise<TestService> {
  const folder = path.join(temporaryFolder('migrations'), 'sql');
  await mkdir(folder);
  await writeFile(path.join(folder, '0001_first.sql'), sql);
  return { schema: 'example', role: 'example_service', sets: [{ name: 'example', folder }] };
}

describe('a test database', () => {
  test('holds the migrated schema, under the service’s own role', async () => {
    const service = await serviceWith(
      `CREATE TABLE thing (id int); GRANT SELECT, INSERT ON thing TO \${role}; INSERT INTO thing VALUES (7);`,
    );
    const database = await createTestDatabase({ services: [service] });
    const pool = openPool({ url: database.urlFor('example_service'), applicationName: 'test' });
    try {
      expect((await pool.query('SELECT id FROM thing')).rows).toEqual([{ id: 7 }]);
    } finally {
      await pool.end();
      await database.close();
    }
  });

  test('is nobody else’s: what one holds is not in another, and closing one leaves the other', async () => {
    const service = await serviceWith(
      `CREATE TABLE thing (id int); GRANT SELECT, INSERT ON thing TO \${role};`,
    );
    const [one, other] = await Promise.all([1, 2].map(() => createTestDatabase({ services: [service] })));
    if (one === undefined || other === undefined) throw new Error('not made');
    const pools = [one, other].map(({ urlFor }) =>
      openPool({ url: urlFor('example_service'), applicationName: 'test' }),
    );
    const [first, second] = pools;
    try {
      await first?.query('INSERT INTO thing VALUES (1)');
      expect((await second?.query('SELECT id FROM thing'))?.rows).toEqual([]);
      await one.close();
      await one.close();
      await expect(first?.query('SELECT 1')).rejects.toThrow();
      expect((await second?.query('SELECT id FROM thing'))?.rows).toEqual([]);
    } finally {
      await Promise.all(pools.map((pool) => pool.end()));
      await other.close();
    }
  });

  test('admits no service that it was made without', async () => {
    const service = await serviceWith('SELECT 1');
    const [own, foreign] = await Promise.all([
      createTestDatabase({ services: [service] }),
      createTestDatabase({ services: [{ schema: 'other', role: 'other_service', sets: [] }] }),
    ]);
    const url = new URL(own.urlFor('example_service'));
    url.pathname = foreign.name;
    const pool = openPool({ url: url.href, applicationName: 'test' });
    try {
      await expect(pool.query('SELECT 1')).rejects.toMatchObject({ code: '42501' });
    } finally {
      await pool.end();
      await Promise.all([own.close(), foreign.close()]);
    }
  });

  test('knows no role that it was made without', async () => {
    const database = await createTestDatabase();
    expect(() => database.urlFor('example_service')).toThrow('without role example_service');
    await database.close();
  });
});
