import { generateKeyPairSync } from 'node:crypto';
import { seededRandom } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openStatement, statement } from '../completeness/statement.ts';
import { findTroubles } from '../completeness/troubles.ts';
import { TEST_RULE, type TestApi, testApi } from '../testing/api.ts';
import { type TestSource, testSource, uuid7 } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';

const AT_MS = Date.parse('2026-03-01T10:00:00Z');
const HOUR_MS = 3_600_000;
const random = seededRandom(43);
const key = generateKeyPairSync('ed25519');
const registered = Buffer.from(String(key.publicKey.export({ format: 'jwk' })['x']), 'base64url').toString(
  'base64',
);
const answer = z.object({ statement, note: z.string() });
const WHEN_LOST = 'from=2026-03-01T10:00:00Z&to=2026-03-01T11:00:00Z';
const LATER = 'from=2026-03-01T16:00:00Z&to=2026-03-01T17:00:00Z';
const REASON = 'the disk of gw-1 burned';

let stand: Stand;
let api: TestApi;
let security: string;
let gateway: TestSource;
/** The audit service's own events. */
let service: TestSource;

beforeEach(async () => {
  stand = await openStand({ publicKeyOf: (instance) => (instance === 'gw-1' ? registered : undefined) });
  stand.nowMs = AT_MS + 1_000;
  api = testApi(stand);
  security = api.token({ role: 'security', type: 'user' });
  gateway = testSource(random, '/gateways/gw-1/e1', key);
  service = testSource(random, '/services/audit/e1');
  gateway.started();
  gateway.request('team_a', uuid7(random));
  await take(...gateway.events, gateway.heartbeat(), service.started(), service.heartbeat());
  stand.nowMs = AT_MS + 2 * HOUR_MS;
});
afterEach(() => stand.close());

async function take(...events: Buffer[]): Promise<void> {
  await stand.deliver(events);
  await stand.integrate();
}

/** What waits in the outbox enters the log. */
async function relay(): Promise<void> {
  const { rows } = await stand.owner.query<{ draft: string }>('DELETE FROM audit.outbox RETURNING draft');
  await take(...rows.map(({ draft }) => service.emit(JSON.parse(draft))), service.heartbeat());
}

async function asked(query: string) {
  const response = await api.get(`/v1/completeness?${query}`, security);
  expect(response.status, response.text).toBe(200);
  return answer.parse(response.json());
}

async function verdict(query: string) {
  const { statement: made } = await asked(query);
  return [made.verdict, ...made.reasons.map(({ code }) => code)];
}

const acknowledge = (more: object = {}, token = security) =>
  api.post('/v1/sources/losses', token, { source: gateway.name, reason: REASON, ...more });
const troubles = () => findTroubles(stand.pool, { ...TEST_RULE, now: () => stand.nowMs });

/** Everybody else has spoken since. */
async function sixHoursLater(): Promise<void> {
  stand.nowMs = AT_MS + 8 * HOUR_MS;
  await take(service.heartbeat());
}

describe('a source that is lost for good', () => {
  it('counts against every later period until somebody acknowledges it, and is named in every statement from then on', async () => {
    await sixHoursLater();
    expect(await verdict(LATER)).toEqual(['tail-unknown', 'tail-unknown']);
    expect(await troubles()).toMatchObject({ lost_sources: 1 });
    const deadSince = '2026-03-01T12:00:00.000Z';
    const { status, json } = await acknowledge({ dead_since: deadSince });
    expect([status, json]).toMatchObject([
      201,
      { source: gateway.name, known_through: 4, missing: 0, state: 'recorded' },
    ]);
    // Nothing counts that is not in the log.
    expect(await verdict(LATER)).toEqual(['tail-unknown', 'tail-unknown']);
    await relay();
    expect(await verdict(LATER)).toEqual(['complete']);
    expect(await verdict(WHEN_LOST)).toEqual(['tail-unknown', 'acknowledged-loss']);
    expect(await troubles()).toMatchObject({ lost_sources: 0 });
    for (const query of [LATER, WHEN_LOST]) {
      const { statement: made, note } = await asked(query);
      expect(made.acknowledged_losses).toEqual([
        {
          event_id: expect.any(String),
          source: gateway.name,
          known_through: 4,
          missing: 0,
          heard_at: '2026-03-01T10:00:01.000Z',
          dead_since: deadSince,
          acknowledged_at: '2026-03-01T18:00:00.000Z',
          acknowledged_by: expect.stringMatching(/^user:/),
          reason: REASON,
          state: 'in-force',
        },
      ]);
      expect(openStatement(note, stand.signers.verifierKeys)).toEqual(made);
    }
    const [loss] = (await asked(LATER)).statement.acknowledged_losses ?? [];
    const proof = await api.get(`/v1/events?type=tollgate.admin.v1`, security);
    expect(proof.text).toContain(String(loss?.event_id));
    expect(proof.text).toContain('source-loss.acknowledge');
  });

  it('takes its missing numbers with it', async () => {
    gateway.request('team_a', uuid7(random));
    stand.nowMs = AT_MS + HOUR_MS + 120_000;
    await take(gateway.heartbeat());
    await sixHoursLater();
    expect(await verdict(LATER)).toEqual(['incomplete', 'gap', 'tail-unknown']);
    expect(await troubles()).toMatchObject({ missing_events: 3, lost_sources: 1 });
    await acknowledge({ dead_since: '2026-03-01T12:00:00.000Z' });
    await relay();
    expect(await verdict(LATER)).toEqual(['complete']);
    expect(await verdict(WHEN_LOST)).toEqual(['incomplete', 'acknowledged-gap']);
    expect(await troubles()).toMatchObject({ missing_events: 0, lost_sources: 0 });
    expect((await asked(LATER)).statement.acknowledged_losses).toMatchObject([{ missing: 3 }]);
  });

  it('answers for itself again where its spool turns up after all, and stays named', async () => {
    await acknowledge();
    await relay();
    const next = testSource(random, '/gateways/gw-1/e2', key);
    next.started([gateway]);
    await sixHoursLater();
    await take(...next.events, next.heartbeat());
    const { statement: made } = await asked(WHEN_LOST);
    expect(made).toMatchObject({ verdict: 'complete', acknowledged_losses: [{ state: 'void' }] });
  });

  it('that is heard of again is lost again where it falls silent, and can be acknowledged anew', async () => {
    await acknowledge();
    await relay();
    expect((await acknowledge()).json).toMatchObject({ code: 'loss_acknowledged' });
    stand.nowMs += HOUR_MS;
    await take(gateway.heartbeat());
    await sixHoursLater();
    expect(await verdict(LATER)).toEqual(['tail-unknown', 'tail-unknown']);
    expect((await acknowledge()).status).toBe(201);
    await relay();
    expect((await asked(LATER)).statement.acknowledged_losses?.map(({ state }) => state)).toEqual([
      'in-force',
      'void',
    ]);
  });
});

describe('an acknowledgement', () => {
  it('is refused for what is not lost, is unknown, or spoke later', async () => {
    expect((await acknowledge({ source: '/gateways/gw-9/e1' })).json).toMatchObject({ code: 'not_found' });
    expect((await acknowledge({ dead_since: '2026-03-01T09:00:00Z' })).json).toMatchObject({
      code: 'unprocessable',
    });
    expect((await acknowledge({ dead_since: '2026-03-02T09:00:00Z' })).json).toMatchObject({
      code: 'unprocessable',
    });
    expect((await acknowledge({ reason: ' ' })).json).toMatchObject({ code: 'invalid_request' });
    await take(gateway.heartbeat());
    expect((await acknowledge()).json).toMatchObject({ code: 'source_not_lost' });
    expect((await stand.pool.query('SELECT FROM source_loss')).rowCount).toBe(0);
  });

  it('takes a token of the installation that may', async () => {
    for (const role of ['finance', 'platform'] as const) {
      expect((await acknowledge({}, api.token({ role }))).json).toMatchObject({ code: 'scope_missing' });
    }
    const other = api.token({ role: 'security', organisationId: 'org_1' });
    expect((await acknowledge({}, other)).json).toMatchObject({ code: 'out_of_reach' });
  });

  it('can be neither changed nor removed by the service', async () => {
    await acknowledge();
    await expect(stand.pool.query("UPDATE source_loss SET reason = 'none'")).rejects.toThrow(
      'permission denied',
    );
    await expect(stand.pool.query('DELETE FROM source_loss')).rejects.toThrow('permission denied');
  });
});
