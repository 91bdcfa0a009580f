import { createTestDatabase, type TestDatabase } from '@tollgate/testing';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { run } from '../command/run.ts';

let database: TestDatabase;
const written: string[] = [];

beforeAll(async () => {
  database = await createTestDatabase({ services: [] });
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
  }
});
afterAll(() => database.close());
afterEach(() => {
  written.length = 0;
  process.exitCode = undefined;
  vi.unstubAllEnvs();
});

test('makes every schema and the embedded bus once, and finds nothing to do the second time', async () => {
  vi.stubEnv('DATABASE_OWNER_URL', database.ownerUrl);
  vi.stubEnv('GATEWAY_DATABASE_PASSWORD', 'a-password');
  expect(await run(['database', 'migrate', '--embedded-bus', '--json'])).toBe(0);
  const { applied } = JSON.parse(written.find((text) => text.startsWith('{"applied"')) ?? '{}');
  const schemas = new Set(applied.map((file: { schema: string }) => file.schema));
  expect([...schemas].sort()).toEqual(['audit', 'budgets', 'chargeback', 'databricks_sync', 'directory']);

  written.length = 0;
  expect(await run(['database', 'migrate', '--embedded-bus', '--json'])).toBe(0);
  expect(written).toContain('{"applied":[]}\n');
});

test('a password that is missing or too short is named, and nothing is done', async () => {
  vi.stubEnv('DATABASE_OWNER_URL', database.ownerUrl);
  expect(await run(['database', 'migrate', '--embedded-bus'])).toBe(2);
  expect(written.join('')).toMatch(/^tollgate: GATEWAY_DATABASE_PASSWORD: is not set/);
  vi.stubEnv('AUDIT_DATABASE_PASSWORD', 'short');
  written.length = 0;
  expect(await run(['database', 'migrate'])).toBe(2);
  expect(written.join('')).toMatch(/^tollgate: AUDIT_DATABASE_PASSWORD: /);
});
