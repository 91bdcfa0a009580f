import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { migrate, openPool } from '@tollgate/database';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@tollgate/database/embedded';
import { temporaryFolder } from '@tollgate/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { auditMigrations } from '../../migrations.ts';
import { openVaultStand, requestId, type VaultStand } from '../../testing/vault-stand.ts';
import { startVault } from '../start-vault.ts';
import { beforeErasure } from './verify.ts';

/** What is on the disk counts here, not what a loss of power would leave of it. */
const SETTINGS = { fsync: false };
const ROLE_PASSWORD = 'erasure-test';
const PROMPT = `{"model":"m","messages":[{"role":"user","content":"${'a secret that is told once, and at length, '.repeat(8)}"}]}`;
const REASON = 'article 17';

let home: string;
let dataFolder: string;
let vaultFolder: string;
let postgres: EmbeddedPostgres;
let stand: VaultStand;
let security: string;

let databases = 0;

beforeAll(async () => {
  home = temporaryFolder('erasure');
  dataFolder = path.join(home, 'postgres');
  postgres = await startEmbeddedPostgres({ dataFolder, settings: SETTINGS });
});
afterAll(async () => {
  await postgres.destroy();
  rmSync(home, { recursive: true, force: true });
});

beforeEach(async () => {
  databases += 1;
  vaultFolder = path.join(home, `vault-${databases}`);
  mkdirSync(vaultFolder);
  const owner = new URL(postgres.url);
  await asOwner(`CREATE DATABASE erasure_${databases}`);
  owner.pathname = `/erasure_${databases}`;
  await migrate({ ownerUrl: owner.toString(), ...auditMigrations, rolePassword: ROLE_PASSWORD });
  await open();
});
afterEach(async () => {
  await stand.close();
});

async function open(): Promise<void> {
  const url = new URL(postgres.url);
  url.username = auditMigrations.role;
  url.password = ROLE_PASSWORD;
  url.pathname = `/erasure_${databases}`;
  stand = await openVaultStand(url.toString(), vaultFolder, { verifyFolders: [vaultFolder, dataFolder] });
  security = stand.token({ role: 'security' });
}

async function asOwner(...statements: readonly string[]): Promise<void> {
  const owner = openPool({ url: postgres.url, applicationName: 'erasure-test', maxConnections: 1 });
  for (const statement of statements) await owner.query(statement);
  await owner.end();
}

async function store(nth: number): Promise<void> {
  const facts = { request_id: requestId(nth), principal_id: `person ${nth}`, end_user: `customer ${nth}` };
  const batch = stand.seal([
    { ...facts, direction: 'request', body: PROMPT },
    { ...facts, direction: 'response', body: `the answer to ${nth}: ${PROMPT}` },
  ]);
  expect(await stand.send(batch)).toBe(200);
}

const erase = (scope: object) =>
  stand.call('POST', '/v1/payloads/erasures', security, { scope, reason: REASON, verify: true });

async function canRead(nth: number): Promise<boolean> {
  const asked = await stand.call('POST', '/v1/payloads/reveals', security, {
    request_id: requestId(nth),
    reason: REASON,
  });
  const read = await stand.call('GET', `/v1/payloads/reveals/${asked.json['reveal_id']}/content`, security);
  return read.status === 200;
}

/** Everything that Postgres has in memory goes to its files. */
const checkpoint = () => asOwner('CHECKPOINT');

/** With owners and modes: Postgres refuses a folder that is not its own account's. */
function copyFolder(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to]);
}

/** Stops everything, and copies it as an operator would. */
async function backUp(folders: readonly string[]): Promise<void> {
  await stand.close();
  await postgres.stop();
  for (const folder of folders) {
    rmSync(`${folder}.backup`, { recursive: true, force: true });
    copyFolder(folder, `${folder}.backup`);
  }
  postgres = await startEmbeddedPostgres({ dataFolder, settings: SETTINGS });
  await open();
}

async function restore(folders: readonly string[]): Promise<void> {
  await stand.close();
  await postgres.stop();
  for (const folder of folders) {
    // What only grows stays: an operator restores the database or the key files, never the ledger.
    const entries = folder === vaultFolder ? ['payload-keys', 'team-day-keys', 'bodies'] : [''];
    for (const entry of entries) {
      rmSync(path.join(folder, entry), { recursive: true, force: true });
      copyFolder(path.join(`${folder}.backup`, entry), path.join(folder, entry));
    }
  }
  postgres = await startEmbeddedPostgres({ dataFolder, settings: SETTINGS });
  await open();
}

interface Verified {
  readonly samples: number;
  readonly found_before: number;
  readonly bytes: number;
  readonly found: readonly unknown[];
  readonly unread: readonly unknown[];
}

describe('an erasure, looked for byte by byte in database files, write-ahead log, key files and bodies', () => {
  test.each([
    ['a request', { request_id: requestId(1) }, 2],
    ['a person', { user: 'person 1' }, 2],
    ['a team', { team: 'team_1' }, 6],
  ])('of %s leaves no byte of payload or key', async (_, scope, payloads) => {
    for (const nth of [1, 2, 3]) await store(nth);
    await checkpoint();
    const { status, json } = await erase(scope);
    expect(status).toBe(200);
    expect(json['payloads']).toBe(payloads);
    const verified = json['verification'] as Verified;
    expect(verified).toMatchObject({ samples: payloads, found: [], unread: [] });
    // Wrapped key and ciphertext of each were there: so looking finds them.
    expect(verified.found_before).toBe(payloads * 2);
    expect(verified.bytes).toBeGreaterThan(20 << 20);
    // Once more when Postgres has written everything, and cleaned up.
    await checkpoint();
    expect(await canRead(1)).toBe(false);
    expect(await canRead(2)).toBe(payloads === 2);
  });

  test('finds what a file still holds, so that it would be found in Postgres as well', async () => {
    await store(1);
    const look = await beforeErasure(stand.vault, { request_id: requestId(1) });
    // Nothing was erased.
    const { found, foundBefore } = await look();
    expect(foundBefore).toBe(4);
    expect(found.map(({ what }) => what).toSorted()).toEqual([
      `the ciphertext of ${requestId(1)} request`,
      `the ciphertext of ${requestId(1)} response`,
      `the wrapped key of ${requestId(1)} request`,
      `the wrapped key of ${requestId(1)} response`,
    ]);
    const [slot] = await stand.vault.payloadKeys.read([0]);
    await asOwner(
      'CREATE TABLE leaked (key bytea)',
      `INSERT INTO leaked VALUES ('\\x${slot?.toString('hex')}')`,
      'DROP TABLE leaked',
    );
    const leaked = await look();
    expect(leaked.found.some(({ file }) => file.includes('pg_wal'))).toBe(true);
  });
});

describe('a restored backup', () => {
  test('of the database does not bring back what was erased: the ledger is replayed before anything is served', async () => {
    for (const nth of [1, 2]) await store(nth);
    await backUp([dataFolder]);
    expect((await erase({ request_id: requestId(1) })).status).toBe(200);
    await restore([dataFolder]);
    const { rows } = await stand.pool.query('SELECT FROM vault_erasure');
    expect(rows).toHaveLength(0);
    const started = await startVault(stand.vault);
    expect([await canRead(1), await canRead(2)]).toEqual([false, true]);
    expect(await stand.actions()).toContain(`payload.erase-again done ${REASON}`);
    await started.stop();
  });

  test('of the whole vault, and of the database with it, does not either', async () => {
    for (const nth of [1, 2]) await store(nth);
    await backUp([dataFolder, vaultFolder]);
    expect((await erase({ user: 'person 1' })).status).toBe(200);
    await restore([dataFolder, vaultFolder]);
    expect(await canRead(1)).toBe(true);
    const look = await beforeErasure(stand.vault, { request_id: requestId(1) });
    const started = await startVault(stand.vault);
    expect([await canRead(1), await canRead(2)]).toEqual([false, true]);
    const { found, foundBefore, unread } = await look();
    expect([foundBefore, found, unread]).toEqual([4, [], []]);
    await started.stop();
  });

  test('of the key files alone is wiped again', async () => {
    for (const nth of [1, 2]) await store(nth);
    await backUp([vaultFolder]);
    const look = await beforeErasure(stand.vault, { request_id: requestId(1) });
    expect((await erase({ request_id: requestId(1) })).status).toBe(200);
    await restore([vaultFolder]);
    expect((await look()).found).not.toEqual([]);
    const started = await startVault(stand.vault);
    await started.stop();
    expect((await look()).found).toEqual([]);
    expect(await canRead(2)).toBe(true);
  });

  test('from before a rotation of the master key opens nothing any more', async () => {
    await store(1);
    await backUp([dataFolder, vaultFolder]);
    const platform = stand.token({ id: 'platform', role: 'platform' });
    await stand.call('POST', '/v1/payloads/key-rotations', platform, { reason: 'after an erasure' });
    await restore([dataFolder, vaultFolder]);
    expect(await canRead(1)).toBe(false);
  });
});
