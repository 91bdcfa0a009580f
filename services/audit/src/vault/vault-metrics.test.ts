import { createTestDatabase, type TestDatabase, temporaryFolder } from '@tollgate/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { auditMigrations } from '../migrations.ts';
import { openVaultStand, requestId, type VaultStand } from '../testing/vault-stand.ts';
import { expire } from './erasure/retention.ts';

const HOUR_MS = 3_600_000;

let database: TestDatabase;
let stand: VaultStand;

beforeEach(async () => {
  database = await createTestDatabase({ services: [auditMigrations] });
  stand = await openVaultStand(database.urlFor('audit'), temporaryFolder('vault'));
});
afterEach(async () => {
  await stand.close();
  await database.close();
});

/** Samples above zero, without the prefix that all share. */
async function shown(): Promise<Record<string, number>> {
  const lines = (await stand.metrics.text())
    .split('\n')
    .filter((line) => line.startsWith('tollgate_audit_vault_'));
  const samples = lines.map((line) => {
    const at = line.lastIndexOf(' ');
    return [line.slice('tollgate_audit_vault_'.length, at), Number(line.slice(at))] as const;
  });
  return Object.fromEntries(samples.filter(([, value]) => value > 0));
}

test('the vault shows what comes, what goes, who reads, and what should be gone', async () => {
  const security = stand.token({ role: 'security' });
  const call = (path: string, body: object) => stand.call('POST', `/v1/payloads/${path}`, security, body);
  expect(await shown()).toEqual({});
  const retain_until = new Date(stand.nowMs + HOUR_MS).toISOString();
  const batch = stand.seal([
    { request_id: requestId(1), body: 'one' },
    { request_id: requestId(2), body: 'two', retain_until },
    { request_id: requestId(3), body: 'three', retain_until },
  ]);
  await stand.send(batch);
  await stand.send(batch);
  const broken = Buffer.from(batch);
  broken.writeUInt8(broken.readUInt8(60) ^ 1, 60);
  await stand.send(broken);
  await call('holds', { scope: { request_id: requestId(3) }, reason: 'case 7' });
  const asked = await call('reveals', { request_id: requestId(1), reason: 'case 7' });
  await stand.call('GET', `/v1/payloads/reveals/${asked.json['reveal_id']}/content`, security);
  expect(await shown()).toEqual({
    'payloads_total{outcome="stored"}': 3,
    'payloads_total{outcome="passed-over"}': 3,
    batch_bytes_total: batch.length * 2,
    'refused_batches_total{code="batch_malformed"}': 1,
    revealed_payloads_total: 1,
    holds: 1,
    team_day_keys: 1,
  });
  stand.nowMs += 3 * HOUR_MS;
  // What a hold keeps is not overdue.
  expect(await shown()).toMatchObject({ overdue_seconds: 7_200 });
  await expire(stand.vault);
  await call('erasures', { scope: { request_id: requestId(1) }, reason: 'article 17' });
  const after = await shown();
  expect(after).toMatchObject({
    'erased_payloads_total{cause="asked"}': 1,
    'erased_payloads_total{cause="retention"}': 1,
    erasures: 1,
  });
  expect(after).not.toHaveProperty('overdue_seconds');
});
