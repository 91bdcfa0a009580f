import path from 'node:path';
import { openBatch } from '@tollgate/payload-sealing';
import { seededRandom } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { statement } from '../../completeness/statement.ts';
import { findTroubles } from '../../completeness/troubles.ts';
import { TEST_RULE, type TestApi, testApi } from '../../testing/api.ts';
import { type TestSource, testSource, uuid7 } from '../../testing/events.ts';
import { openStand, type Stand } from '../../testing/stand.ts';
import { openVaultStand, type VaultStand } from '../../testing/vault-stand.ts';
import { holdAgainst } from './hold-against.ts';
import { settleAwaited } from './settle.ts';

const AT = '2026-03-01T10:00:00.000Z';
const AT_MS = Date.parse(AT);
const GRACE_MS = TEST_RULE.payloadGraceMs;
const HOUR = 'from=2026-03-01T10:00:00Z&to=2026-03-01T11:00:00Z';
const random = seededRandom(77);
const answer = z.object({ statement });

let stand: Stand;
let vault: VaultStand;
let api: TestApi;
let finance: string;
let security: string;
let gateway: TestSource;

beforeEach(async () => {
  stand = await openStand();
  stand.nowMs = AT_MS + 1_000;
  vault = await openVaultStand(stand.database.urlFor('audit'), path.join(stand.folder, 'vault'));
  vault.nowMs = AT_MS + 1_000;
  api = testApi(stand);
  finance = api.token({ role: 'finance' });
  security = vault.token({ role: 'security' });
  gateway = testSource(random, '/gateways/gw-1/e1');
});
afterEach(async () => {
  await vault.close();
  await stand.close();
});

/** A call whose two bodies are stated; its batch waits to be sent. */
async function call(about: { readonly endUser?: string; readonly digest?: string | null } = {}) {
  const requestId = uuid7(random);
  const batch = vault.seal(
    (['request', 'response'] as const).map((direction) => ({
      request_id: requestId,
      direction,
      team_id: 'team_a',
      principal_id: 'svc_1',
      requested_at: AT,
      end_user: about.endUser ?? null,
      body: `the ${direction}`,
    })),
  );
  const payloads = openBatch(batch, (id) => vault.vault.sealing.find(id)).map(({ facts }) => ({
    direction: facts.direction,
    body_bytes: facts.body_bytes,
    kept_bytes: facts.kept_bytes,
    digest: about.digest === undefined ? facts.digest : about.digest,
  }));
  const { endUser } = about;
  await stand.deliver(
    gateway.request('team_a', requestId, { payloads, ...(endUser === undefined ? {} : { endUser }) }),
  );
  await stand.integrate();
  return { requestId, batch };
}

async function settle(): Promise<void> {
  const parts = { pool: stand.pool, store: stand.store, now: () => stand.nowMs };
  let after = -1;
  do after = await settleAwaited(parts, after);
  while (after !== -1);
}

async function stated(query = HOUR) {
  const response = await api.get(`/v1/completeness?${query}`, finance);
  expect(response.status, response.text).toBe(200);
  const { payloads, notices } = answer.parse(response.json()).statement;
  if (payloads === undefined) throw new Error('the statement says nothing of payloads');
  const { counted: _, examples, ...counts } = payloads;
  const there = Object.fromEntries(Object.entries(counts).filter(([, n]) => n > 0));
  return { counts: there, examples, notices: notices.map(({ code, count }) => `${code} ${count}`) };
}

const troubles = () => findTroubles(stand.pool, { ...TEST_RULE, now: () => stand.nowMs });
const erase = (scope: object) =>
  vault.call('POST', '/v1/payloads/erasures', security, { scope, reason: 'article 17' });

describe('payloads that usage events state', () => {
  it('are nothing to speak of where the vault has them by then', async () => {
    const { batch } = await call();
    expect(await vault.send(batch)).toBe(200);
    await settle();
    expect(await stated()).toEqual({ counts: { stated: 2, stored: 2 }, examples: [], notices: [] });
    const second = vault.seal([{ body: 'stated by nobody', requested_at: AT, team_id: 'team_a' }]);
    await vault.send(second);
    expect((await stated()).counts).toEqual({ stated: 2, stored: 3 });
  });

  it('are awaited for a while, then missing, and stored when they come after all', async () => {
    const { requestId, batch } = await call();
    expect(await stated()).toEqual({
      counts: { stated: 2, awaited: 2 },
      examples: [],
      notices: ['payload-awaited 2'],
    });
    expect(await troubles()).toMatchObject({ missing_payloads: 0 });
    stand.nowMs += GRACE_MS + 1;
    await settle();
    expect(await stated()).toEqual({
      counts: { stated: 2, missing: 2 },
      examples: [requestId],
      notices: ['payload-missing 2'],
    });
    expect(await troubles()).toMatchObject({ missing_payloads: 2, differing_payloads: 0 });
    await vault.send(batch);
    await settle();
    expect(await stated()).toMatchObject({ counts: { stated: 2, stored: 2 }, notices: [] });
    expect(await troubles()).toMatchObject({ missing_payloads: 0 });
  });

  it('that the vault has otherwise are told apart from those that it has not', async () => {
    const { requestId, batch } = await call({ digest: 'ab'.repeat(32) });
    await vault.send(batch);
    await settle();
    expect(await stated()).toMatchObject({
      counts: { stated: 2, stored: 2, differing: 2 },
      examples: [requestId],
      notices: ['payload-differs 2'],
    });
    expect(await troubles()).toMatchObject({ missing_payloads: 0, differing_payloads: 2 });
  });

  it('that came only half, and then not at all, are missing', async () => {
    const { batch } = await call();
    await vault.send(batch);
    await stand.owner.query('ALTER TABLE audit.vault_payload DISABLE TRIGGER USER');
    await stand.owner.query("UPDATE audit.vault_payload SET state = 'arriving' WHERE direction = 'response'");
    await settle();
    stand.nowMs += GRACE_MS + 1;
    expect(await stated()).toMatchObject({ counts: { stated: 2, stored: 1, missing: 1 } });
  });

  it('that the gateway lost are counted as not kept', async () => {
    await call({ digest: null });
    expect(await stated()).toMatchObject({ counts: { not_kept: 2 }, notices: ['payload-not-kept 2'] });
  });

  it('are erased where they were, and where an erasure kept them from being stored', async () => {
    const first = await call();
    await vault.send(first.batch);
    await erase({ request_id: first.requestId });
    for (const scope of [{ team: 'team_a' }, { end_user: 'customer 9' }]) {
      vault.nowMs += 1_000;
      await erase(scope);
      const next = await call({ endUser: 'customer 9' });
      await vault.send(next.batch);
    }
    const other = await call({ endUser: 'customer 8' });
    await settle();
    stand.nowMs += GRACE_MS + 1;
    expect(await stated()).toMatchObject({ counts: { stated: 8, erased: 8 }, notices: [] });
    expect((await vault.pool.query('SELECT FROM stated_awaited')).rowCount).toBe(0);
    expect(other.requestId).toBeDefined();
  });

  it('are erased by end user where nothing else names them, and not those of another', async () => {
    await erase({ end_user: 'customer 9' });
    const named = await call({ endUser: 'customer 9' });
    await vault.send(named.batch);
    const other = await call({ endUser: 'customer 8' });
    await settle();
    stand.nowMs += GRACE_MS + 1;
    expect(await stated()).toMatchObject({
      counts: { stated: 4, erased: 2, missing: 2 },
      examples: [other.requestId],
    });
  });

  it('are counted per period and organisation, and say what is not counted yet', async () => {
    await call();
    expect((await stated('from=2026-03-01T09:00:00Z&to=2026-03-01T10:00:00Z')).counts).toEqual({});
    expect((await stated(`${HOUR}&organisation=org_2`)).counts).toEqual({});
    expect((await stated(`${HOUR}&organisation=org_1`)).counts).toEqual({ stated: 2, awaited: 2 });
    await stand.owner.query('UPDATE audit.stated_position SET size = 0');
    await stand.owner.query('DELETE FROM audit.stated_count');
    await stand.owner.query('DELETE FROM audit.stated_awaited');
    expect(await stated()).toMatchObject({ counts: {}, notices: ['payloads-not-counted 1'] });
  });

  it('are counted once, whoever counts', async () => {
    const parts = { pool: stand.pool, store: stand.store, now: () => stand.nowMs };
    await call();
    await stand.owner.query('UPDATE audit.stated_position SET size = 0');
    await stand.owner.query('DELETE FROM audit.stated_count');
    const looked = await Promise.all([holdAgainst(parts), holdAgainst(parts), holdAgainst(parts)]);
    expect(looked.filter((leaves) => leaves > 0)).toHaveLength(1);
    expect(await stated()).toMatchObject({ counts: { stated: 2, awaited: 2 } });
  });
});
