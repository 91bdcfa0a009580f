import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createTestDatabase, type TestDatabase, temporaryFolder } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { assertMigrated, migrate } from './migrate.ts';
import type { MigrationSet } from './migration-files.ts';
import { openPool, type Pool } from './pool.ts';

const ROLE = `\${role}`;
const FIRST = `CREATE TABLE note (id int PRIMARY KEY, body text); GRANT SELECT, INSERT ON note TO ${ROLE};`;

let database: TestDatabase;
let owner: Pool;
const pools: Pool[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
  owner = openPool({ url: database.ownerUrl, applicationName: 'test' });
});

afterEach(async () => {
  await Promise.all([owner, ...pools.splice(0)].map((pool) => pool.end()));
  await database.close();
});

function migrationSet(files: Record<string, string>, name = 'notes'): MigrationSet {
  const folder = temporaryFolder('migrations');
  for (const [file, sql] of Object.entries(files)) writeFileSync(path.join(folder, file), sql);
  return { name, folder };
}

/** Roles belong to the server that all tests share, so each test's are named after its database. */
function roleOf(schema: string): string {
  return `${schema}_${database.name.slice(-12)}`;
}

function migrateNotes(sets: MigrationSet[], schema = 'notes') {
  return migrate({
    ownerUrl: database.ownerUrl,
    schema,
    role: roleOf(schema),
    rolePassword: `of ${schema}'s \\`,
    sets,
  });
}

function poolAs(schema: string): Pool {
  const url = new URL(database.ownerUrl);
  url.username = roleOf(schema);
  url.password = encodeURIComponent(`of ${schema}'s \\`);
  const pool = openPool({ url: url.href, applicationName: 'test' });
  pools.push(pool);
  return pool;
}

async function tables(schema: string): Promise<string[]> {
  const { rows } = await owner.query<{ tablename: string }>(
    'SELECT tablename::text FROM pg_tables WHERE schemaname = $1 ORDER BY 1',
    [schema],
  );
  return rows.map((row) => row.tablename);
}

describe('migrate', () => {
  test('makes schema, role and tables from nothing, and the service reaches them by their bare names', async () => {
    const set = migrationSet({ '0001_notes.sql': FIRST, '0002_tags.sql': 'CREATE TABLE tag (id int);' });
    const { applied } = await migrateNotes([set]);
    expect(applied).toEqual([
      { set: 'notes', number: 1, name: 'notes' },
      { set: 'notes', number: 2, name: 'tags' },
    ]);
    const service = poolAs('notes');
    await service.query("INSERT INTO note VALUES (1, 'x')");
    expect((await service.query('SELECT id FROM note')).rows).toEqual([{ id: 1 }]);
  });

  test('a second time does nothing', async () => {
    const sets = [migrationSet({ '0001_notes.sql': FIRST })];
    await migrateNotes(sets);
    const before = await owner.query('SELECT * FROM notes.schema_migration');
    expect((await migrateNotes(sets)).applied).toEqual([]);
    expect((await owner.query('SELECT * FROM notes.schema_migration')).rows).toEqual(before.rows);
  });

  test('applies what is new, in the order of sets and numbers, whatever the files’ order on disk', async () => {
    const bus = migrationSet({ '0010_c.sql': 'CREATE TABLE c ()', '0002_b.sql': 'CREATE TABLE b ()' }, 'bus');
    const notes = migrationSet({ '0001_d.sql': 'CREATE TABLE d (LIKE c)' });
    const { applied } = await migrateNotes([bus, notes]);
    expect(applied.map(({ set, number }) => `${set} ${number}`)).toEqual(['bus 2', 'bus 10', 'notes 1']);
    writeFileSync(path.join(notes.folder, '0002_e.sql'), 'CREATE TABLE e ()');
    expect((await migrateNotes([bus, notes])).applied.map(({ name }) => name)).toEqual(['e']);
  });

  test('refuses a file that was changed after it had been applied, and applies nothing', async () => {
    const set = migrationSet({ '0001_notes.sql': FIRST });
    await migrateNotes([set]);
    writeFileSync(path.join(set.folder, '0001_notes.sql'), `${FIRST} -- harmless`);
    writeFileSync(path.join(set.folder, '0002_tags.sql'), 'CREATE TABLE tag ()');
    await expect(migrateNotes([set])).rejects.toMatchObject({ code: 'migration_changed' });
    expect(await tables('notes')).toEqual(['note', 'schema_migration']);
  });

  test('refuses a new file that comes before an applied one', async () => {
    const set = migrationSet({ '0001_notes.sql': FIRST, '0005_tags.sql': 'CREATE TABLE tag ()' });
    await migrateNotes([set]);
    writeFileSync(path.join(set.folder, '0003_late.sql'), 'CREATE TABLE late ()');
    await expect(migrateNotes([set])).rejects.toMatchObject({ code: 'migration_out_of_order' });
  });

  test('refuses a database that a newer release has migrated', async () => {
    const set = migrationSet({ '0001_notes.sql': FIRST, '0002_tags.sql': 'CREATE TABLE tag ()' });
    await migrateNotes([set]);
    rmSync(path.join(set.folder, '0002_tags.sql'));
    await expect(migrateNotes([set])).rejects.toMatchObject({ code: 'migrated_by_newer_release' });
  });

  test('names the file whose SQL fails, keeps the ones before it and nothing of it', async () => {
    const set = migrationSet({
      '0001_notes.sql': FIRST,
      '0002_bad.sql': 'CREATE TABLE half (); SELECT 1/0;',
    });
    const failure = migrateNotes([set]);
    await expect(failure).rejects.toMatchObject({
      code: 'migration_failed',
      message: 'migration notes/2_bad: division by zero',
    });
    expect(await tables('notes')).toEqual(['note', 'schema_migration']);
  });

  test('a file that ends the transaction itself fails rather than passing for applied', async () => {
    const set = migrationSet({
      '0001_notes.sql': 'CREATE TABLE note (); ROLLBACK; BEGIN;',
      '0002_x.sql': 'COMMIT;',
    });
    await expect(migrateNotes([set])).rejects.toMatchObject({ code: 'migration_failed' });
  });

  test.each([
    ['misnamed', { 'first.sql': '' }],
    ['twice of one number', { '0001_a.sql': '', '01_b.sql': '' }],
  ])('refuses a file that is %s', async (_, files) => {
    await expect(migrateNotes([migrationSet(files)])).rejects.toMatchObject({ code: 'migration_misnamed' });
  });

  test('refuses names that would need quoting', async () => {
    await expect(migrateNotes([], 'Notes; DROP')).rejects.toMatchObject({ code: 'bad_argument' });
  });

  test('many at once, of one schema and of several, each apply once', async () => {
    const set = migrationSet({ '0001_notes.sql': FIRST });
    const schemas = ['notes', 'notes', 'notes', 'drafts', 'drafts', 'letters'];
    const results = await Promise.all(schemas.map((schema) => migrateNotes([set], schema)));
    expect(results.reduce((sum, { applied }) => sum + applied.length, 0)).toBe(3);
  });

  test('many at once in different databases share a role without harm', async () => {
    const set = migrationSet({ '0001_notes.sql': FIRST });
    const others = await Promise.all(Array.from({ length: 6 }, () => createTestDatabase()));
    const role = roleOf('shared');
    try {
      await Promise.all(
        others.map(({ ownerUrl }) =>
          migrate({ ownerUrl, schema: 'notes', role, rolePassword: 'same', sets: [set] }),
        ),
      );
    } finally {
      await Promise.all(others.map((other) => other.close()));
    }
  });
});

describe('a service’s role', () => {
  test('reads and writes nothing in another’s schema, nor in public, and makes nothing anywhere', async () => {
    await migrateNotes([migrationSet({ '0001_notes.sql': FIRST })]);
    await migrateNotes([migrationSet({ '0001_drafts.sql': FIRST.replaceAll('note', 'draft') })], 'drafts');
    const service = poolAs('notes');
    for (const statement of [
      'SELECT * FROM drafts.draft',
      'SELECT * FROM drafts.schema_migration',
      'INSERT INTO drafts.draft VALUES (1)',
      'CREATE TABLE notes.own ()',
      'CREATE TABLE public.own ()',
      'CREATE TEMPORARY TABLE own ()',
      'CREATE SCHEMA own',
      "INSERT INTO schema_migration VALUES ('x', 1, 'x', 'x')",
      'CREATE ROLE other',
      `SET ROLE ${roleOf('drafts')}`,
    ]) {
      await expect(service.query(statement), statement).rejects.toMatchObject({ code: '42501' });
    }
  });

  test('has only the rights its migrations granted', async () => {
    await migrateNotes([migrationSet({ '0001_notes.sql': FIRST })]);
    const service = poolAs('notes');
    await service.query("INSERT INTO note VALUES (1, 'x')");
    for (const statement of [
      "UPDATE note SET body = 'y'",
      'DELETE FROM note',
      'TRUNCATE note',
      'DROP TABLE note',
    ]) {
      await expect(service.query(statement), statement).rejects.toMatchObject({ code: '42501' });
    }
    expect((await service.query('SELECT body FROM note')).rows).toEqual([{ body: 'x' }]);
  });

  test('cannot connect to a database that did not admit it', async () => {
    await migrateNotes([]);
    const other = await createTestDatabase();
    await migrate({ ownerUrl: other.ownerUrl, schema: 'own', role: roleOf('own'), sets: [] });
    const url = new URL(other.ownerUrl);
    url.username = roleOf('notes');
    url.password = encodeURIComponent("of notes's \\");
    const stranger = openPool({ url: url.href, applicationName: 'test' });
    await expect(stranger.query('SELECT 1')).rejects.toMatchObject({ code: '42501' });
    await stranger.end();
    await other.close();
  });
});

describe('assertMigrated', () => {
  test('passes once everything is applied, under the service’s own role', async () => {
    const sets = [migrationSet({ '0001_notes.sql': FIRST })];
    await migrateNotes(sets);
    await assertMigrated({ pool: poolAs('notes'), schema: 'notes', sets });
  });

  test('says what to run where nothing, or not everything, is applied', async () => {
    const set = migrationSet({ '0001_notes.sql': FIRST });
    const check = { schema: 'notes', sets: [set] };
    await expect(assertMigrated({ pool: owner, ...check })).rejects.toMatchObject({
      code: 'not_migrated',
      message: expect.stringContaining('run `tollgate database migrate`'),
    });
    await migrateNotes([set]);
    writeFileSync(path.join(set.folder, '0002_tags.sql'), 'CREATE TABLE tag ()');
    await expect(assertMigrated({ pool: poolAs('notes'), ...check })).rejects.toMatchObject({
      code: 'not_migrated',
    });
  });

  test('accepts a database that the next release has migrated already', async () => {
    const set = migrationSet({ '0001_notes.sql': FIRST, '0002_tags.sql': 'CREATE TABLE tag ()' });
    await migrateNotes([set]);
    rmSync(path.join(set.folder, '0002_tags.sql'));
    await assertMigrated({ pool: poolAs('notes'), schema: 'notes', sets: [set] });
  });

  test('refuses where an applied file is another now', async () => {
    const set = migrationSet({ '0001_notes.sql': FIRST });
    await migrateNotes([set]);
    writeFileSync(path.join(set.folder, '0001_notes.sql'), `${FIRST} -- other`);
    const check = assertMigrated({ pool: poolAs('notes'), schema: 'notes', sets: [set] });
    await expect(check).rejects.toMatchObject({ code: 'migration_changed' });
  });
});
