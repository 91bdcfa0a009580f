import { generateKeyPairSync } from 'node:crypto';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { openBatch } from '@tollgate/payload-sealing';
import { seededRandom, temporaryFolder } from '@tollgate/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openStatement, statement } from '../../completeness/statement.ts';
import { verifyBundle } from '../../evidence/verify-bundle.ts';
import { logFiles } from '../../fsck/files.ts';
import { fsck } from '../../fsck/fsck.ts';
import { rebuildIndex } from '../../indexing/rebuild.ts';
import { type TestApi, testApi } from '../../testing/api.ts';
import { type TestSource, testSource, uuid7 } from '../../testing/events.ts';
import { openStand, type Stand } from '../../testing/stand.ts';
import { openVaultStand, type VaultStand } from '../../testing/vault-stand.ts';
import { verifyEvent } from '../../tree/verify-event.ts';
import { settleAwaited } from '../stated/settle.ts';

const AT = '2026-03-01T10:00:00.000Z';
const AT_MS = Date.parse(AT);
const HOUR_MS = 3_600_000;
const HOUR = 'from=2026-03-01T10:00:00Z&to=2026-03-01T11:00:00Z';
const SECRET = 'a secret that is told once, and at length, '.repeat(8);
const REQUESTS = 12;
const random = seededRandom(1_717);
const key = generateKeyPairSync('ed25519');
const registered = Buffer.from(String(key.publicKey.export({ format: 'jwk' })['x']), 'base64url').toString(
  'base64',
);
const answer = z.object({ statement, note: z.string(), checkpoint: z.string() });

let stand: Stand;
let vault: VaultStand;
let api: TestApi;
let gateway: TestSource;
let service: TestSource;
let security: string;
const requests: string[] = [];

/** What an auditor took away before the erasure. */
interface Taken {
  readonly proofs: ReadonlyMap<Buffer, string>;
  readonly bundle: Buffer;
  readonly statement: z.infer<typeof answer>;
}
let before: Taken;
let after: Taken;

beforeAll(async () => {
  stand = await openStand({ publicKeyOf: (instance) => (instance === 'gw-1' ? registered : undefined) });
  stand.nowMs = AT_MS + 1_000;
  vault = await openVaultStand(stand.database.urlFor('audit'), path.join(stand.folder, '..', 'vault'), {
    verifyFolders: [stand.folder, path.join(stand.folder, '..', 'vault')],
  });
  vault.nowMs = AT_MS + 2 * HOUR_MS;
  api = testApi(stand);
  security = api.token({ role: 'security' });
  gateway = testSource(random, '/gateways/gw-1/e1', key);
  service = testSource(random, '/services/audit/e1');
  gateway.started();
  service.started();
  for (let nth = 0; nth < REQUESTS; nth += 1) await call(nth);
  await stand.deliver([...gateway.events, ...service.events]);
  await spoken();
  before = await taken();
  // The rest happens once, and every test looks at what it led to.
  const erased = await vault.call('POST', '/v1/payloads/erasures', vault.token({ role: 'security' }), {
    scope: { user: 'person 1' },
    reason: 'article 17',
    verify: true,
  });
  expect(erased).toMatchObject({
    status: 200,
    json: { payloads: REQUESTS, verification: { found: [], unread: [] } },
  });
  const { rows } = await stand.owner.query<{ draft: string }>('DELETE FROM audit.outbox RETURNING draft');
  await stand.deliver(rows.map(({ draft }) => service.emit(JSON.parse(draft))));
  await spoken();
  after = await taken();
});
afterAll(async () => {
  await vault.close();
  await stand.close();
});

/** One call of two people in turn, with both bodies in the vault and their digests in the usage event. */
async function call(nth: number): Promise<void> {
  const requestId = uuid7(random);
  requests.push(requestId);
  const facts = {
    request_id: requestId,
    team_id: 'team_a',
    principal_id: `person ${nth % 2}`,
    requested_at: AT,
  };
  const batch = vault.seal([
    { ...facts, direction: 'request', body: `${nth}: ${SECRET}` },
    { ...facts, direction: 'response', body: `the answer to ${nth}: ${SECRET}` },
  ]);
  const payloads = openBatch(batch, (id) => vault.vault.sealing.find(id)).map((record) => ({
    direction: record.facts.direction,
    body_bytes: record.facts.body_bytes,
    kept_bytes: record.facts.kept_bytes,
    digest: record.facts.digest,
  }));
  expect(await vault.send(batch)).toBe(200);
  gateway.request('team_a', requestId, { payloads });
}

async function spoken(): Promise<void> {
  stand.nowMs = AT_MS + 2 * HOUR_MS;
  await stand.deliver([gateway.heartbeat(), service.heartbeat()]);
  await stand.integrate();
  const parts = { pool: stand.pool, store: stand.store, now: () => stand.nowMs };
  expect(await settleAwaited(parts, -1)).toBe(-1);
}

async function taken(): Promise<Taken> {
  const proofs = new Map<Buffer, string>();
  for (const { bytes } of await stand.archived()) {
    const { id } = z.object({ id: z.string() }).parse(JSON.parse(bytes.toString()));
    const { status, text } = await api.get(`/v1/events/${id}/proof`, security, 'text/plain');
    expect(status, text).toBe(200);
    proofs.set(bytes, text);
  }
  const bundle = await api.get(`/v1/evidence?${HOUR}`, security);
  expect(bundle.status).toBe(200);
  return {
    proofs,
    bundle: bundle.bytes,
    statement: answer.parse((await api.get(`/v1/completeness?${HOUR}`, security)).json()),
  };
}

const keys = () => stand.signers.verifierKeys;
async function* whole(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

describe('after an erasure', () => {
  test('every proof that was taken before it, and every one that is taken now, shows its event', () => {
    expect(before.proofs.size).toBe(REQUESTS * 3 + 2);
    expect(after.proofs.size).toBeGreaterThan(before.proofs.size);
    for (const { proofs } of [before, after]) {
      for (const [event, proof] of proofs) expect(() => verifyEvent(event, proof, keys())).not.toThrow();
    }
  });

  test('nothing that was counted has changed, but for what the vault has', () => {
    const [then, now] = [before, after].map((each) => openStatement(each.statement.note, keys()));
    expect(now?.verdict).toBe('complete');
    expect(then?.verdict).toBe('complete');
    expect(now?.counts).toEqual(then?.counts);
    expect(now?.sources.map(({ counts, range }) => [counts, range])).toEqual(
      then?.sources.map(({ counts, range }) => [counts, range]),
    );
    const kept = { stated: REQUESTS * 2, not_kept: 0, awaited: 0, missing: 0, differing: 0 };
    expect(then?.payloads).toMatchObject({ ...kept, stored: REQUESTS * 2, erased: 0 });
    expect(now?.payloads).toMatchObject({ ...kept, stored: REQUESTS, erased: REQUESTS });
    expect(now?.notices).toEqual([]);
  });

  test('bundles of before and of now hold, and the log of now has grown out of that of before', async () => {
    for (const each of [before, after]) {
      const verified = await verifyBundle(whole(each.bundle), { keys: keys() });
      expect(verified).toMatchObject({ events: REQUESTS * 3 + 2, statement: { verdict: 'complete' } });
    }
    const size = openStatement(before.statement.note, keys()).checkpoint.size;
    const grown = await api.get(`/v1/evidence?${HOUR}&since=${size}`, security);
    const verified = await verifyBundle(whole(grown.bytes), {
      keys: keys(),
      since: before.statement.checkpoint,
    });
    expect(verified.grownFrom).toBe(size);
  });

  test('fsck derives the same root from the entries, and the archive and the index are whole', async () => {
    const copy = temporaryFolder('fsck-after-erasure');
    await cp(stand.folder, copy, { recursive: true });
    const report = await fsck({
      files: logFiles(path.join(copy, 'log'), null),
      keys: keys(),
      earlier: Buffer.from(before.statement.checkpoint),
      archive: copy,
    });
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({ size: after.proofs.size, events: after.proofs.size });
    expect(await stand.assertWhole()).toBe(after.proofs.size);
    const rebuilt = await rebuildIndex({ ownerUrl: stand.database.ownerUrl, store: stand.store });
    expect(rebuilt.differences).toEqual([]);
  });

  test('the erasure itself is in the log, and a request of which nothing is left can still be proven', async () => {
    const erasure = [...after.proofs.keys()].at(-1)?.toString() ?? '';
    expect(erasure).toContain('"payload.erase"');
    const requestId = requests[1] ?? '';
    const bundle = await api.get(`/v1/evidence?request_id=${requestId}`, security);
    expect(await verifyBundle(whole(bundle.bytes), { keys: keys() })).toMatchObject({ events: 3 });
    expect(bundle.bytes.includes(SECRET.slice(0, 40))).toBe(false);
  });
});
