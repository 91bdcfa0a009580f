import { generateKeyPairSync } from 'node:crypto';
import { seededRandom } from '@tollgate/testing';
import { ed25519Signer, formatVerifierKey } from '@tollgate/transparency-log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type TestApi, testApi } from '../testing/api.ts';
import { type TestSource, testSource, uuid7 } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { openStatement, statement } from './statement.ts';

const AT_MS = Date.parse('2026-03-01T10:00:00Z');
const HOUR_MS = 3_600_000;
const random = seededRandom(41);
const key = generateKeyPairSync('ed25519');
const registered = Buffer.from(String(key.publicKey.export({ format: 'jwk' })['x']), 'base64url').toString(
  'base64',
);
const answer = z.object({ statement, note: z.string(), checkpoint: z.string() });
const HOUR = 'from=2026-03-01T10:00:00Z&to=2026-03-01T11:00:00Z';

let stand: Stand;
let api: TestApi;
let finance: string;
let gateway: TestSource;
beforeEach(async () => {
  stand = await openStand({ publicKeyOf: (instance) => (instance === 'gw-1' ? registered : undefined) });
  stand.nowMs = AT_MS + 1_000;
  api = testApi(stand);
  finance = api.token({ role: 'finance' });
  gateway = testSource(random, '/gateways/gw-1/e1', key);
  gateway.started();
});
afterEach(() => stand.close());

async function take(...events: Buffer[]): Promise<void> {
  await stand.deliver(events);
  await stand.integrate();
}

async function asked(query = HOUR, token = finance) {
  const response = await api.get(`/v1/completeness?${query}`, token);
  expect(response.status, response.text).toBe(200);
  return answer.parse(response.json());
}

/** The gateway says how far it came, some time after the period. */
async function spokenLater(...events: Buffer[]): Promise<void> {
  await take(...events);
  stand.nowMs = AT_MS + 2 * HOUR_MS;
  await take(gateway.heartbeat());
}

describe('a statement', () => {
  it('is complete where every source has spoken, nothing is missing and every request is settled', async () => {
    for (let i = 0; i < 4; i += 1) gateway.request('team_a', uuid7(random));
    await spokenLater(...gateway.events);
    const { statement: made } = await asked();
    expect(made).toMatchObject({
      verdict: 'complete',
      reasons: [],
      notices: [],
      counts: {
        'tollgate.source.started.v1': 1,
        'tollgate.request.v1': 4,
        'tollgate.decision.v1': 4,
        'tollgate.usage.v1': 4,
      },
      sources: [
        { source: gateway.name, epoch: 'e1', state: 'open', through: 13, range: { from: 1, to: 13 } },
      ],
      requests: [],
      checkpoint: { size: 13 },
    });
  });

  it('holds without us by the verifier key, and not with any byte of it changed', async () => {
    gateway.request('team_a', uuid7(random));
    await spokenLater(...gateway.events);
    const { statement: made, note } = await asked();
    const keys = stand.signers.verifierKeys;
    expect(openStatement(note, keys)).toEqual(made);
    const refusal = expect.objectContaining({ code: 'not_proven' });
    const bytes = Buffer.from(note);
    for (let at = 0; at < bytes.length; at += 13) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => openStatement(changed.toString(), keys), String(at)).toThrow(refusal);
    }
    const foreign = formatVerifierKey(ed25519Signer(stand.signers.origin, random.bytes(32)).key);
    expect(() => openStatement(note, [foreign])).toThrow(refusal);
    const { checkpoint } = await asked();
    expect(() => openStatement(checkpoint, keys)).toThrow(refusal);
  });

  it('names gaps, and is complete once they are filled', async () => {
    for (let i = 0; i < 3; i += 1) gateway.request('team_a', uuid7(random));
    await spokenLater(...gateway.events.filter((_, nth) => nth !== 6));
    expect((await asked()).statement).toMatchObject({
      verdict: 'incomplete',
      reasons: [
        { code: 'awaited', source: gateway.name, from: 7, to: 7, count: 1 },
        { code: 'without-final-usage', count: 1 },
      ],
    });
    stand.nowMs += 30_000;
    expect((await asked()).statement.reasons[0]).toMatchObject({ code: 'gap', from: 7, to: 7 });
    await take(...gateway.events.slice(6, 7), gateway.heartbeat());
    expect((await asked()).statement).toMatchObject({
      verdict: 'complete',
      counts: { 'tollgate.usage.v1': 3 },
    });
  });

  it('says that the tail of a lost source is unknown, until its next epoch answers for it', async () => {
    gateway.request('team_a', uuid7(random));
    await take(...gateway.events, gateway.heartbeat());
    stand.nowMs = AT_MS + 2 * HOUR_MS;
    expect((await asked()).statement).toMatchObject({
      verdict: 'tail-unknown',
      reasons: [{ code: 'tail-unknown', source: gateway.name, from: 5 }],
      sources: [{ state: 'lost' }],
    });
    const next = testSource(random, '/gateways/gw-1/e2', key);
    next.started([gateway]);
    await take(...next.events, next.heartbeat());
    expect((await asked()).statement).toMatchObject({ verdict: 'complete' });
  });

  it('of a period that is not over is not complete', async () => {
    gateway.request('team_a', uuid7(random));
    await take(...gateway.events, gateway.heartbeat());
    const { statement: made } = await asked();
    expect(made.reasons.map(({ code }) => code)).toEqual(['period-open', 'not-heard-since']);
  });

  it('tells requests in flight from those that came to nothing', async () => {
    const requestId = uuid7(random);
    gateway.request('team_a', requestId);
    await take(...gateway.events.slice(0, 3), gateway.heartbeat(3));
    expect((await asked()).statement.requests).toEqual([
      { code: 'in-flight', count: 1, examples: [requestId] },
    ]);
    stand.nowMs += HOUR_MS;
    expect((await asked()).statement.requests).toEqual([
      { code: 'without-final-usage', count: 1, examples: [requestId] },
    ]);
    await take(...gateway.events.slice(3));
    expect((await asked()).statement.requests).toEqual([]);
  });

  it('notes clocks that can not be right, and is complete all the same', async () => {
    stand.nowMs = AT_MS - 6 * 60_000;
    gateway.request('team_a', uuid7(random));
    await spokenLater(...gateway.events);
    expect((await asked()).statement).toMatchObject({
      verdict: 'complete',
      notices: [{ code: 'clock-suspect', source: gateway.name, count: 4 }],
      sources: [{ clock_suspect: { late: 0, ahead: 4 } }],
    });
  });

  it('counts what belongs to the period and nothing else, however late it came', async () => {
    for (let i = 0; i < 2; i += 1) gateway.request('team_a', uuid7(random));
    await take(...gateway.events.slice(0, 4));
    stand.nowMs = AT_MS + 5 * HOUR_MS;
    await take(...gateway.events.slice(4), gateway.heartbeat());
    expect((await asked()).statement).toMatchObject({
      verdict: 'complete',
      counts: { 'tollgate.usage.v1': 2 },
      sources: [{ clock_suspect: { late: 3, ahead: 0 } }],
    });
    const before = await asked('from=2026-03-01T09:00:00Z&to=2026-03-01T10:00:00Z');
    expect(before.statement).toMatchObject({ verdict: 'complete', counts: {}, sources: [] });
  });

  it('counts one organisation where it is asked to, or where the caller reaches no other', async () => {
    gateway.request('team_a', uuid7(random));
    await spokenLater(...gateway.events);
    for (const [query, token] of [
      [`${HOUR}&organisation=org_1`, finance],
      [HOUR, api.token({ role: 'finance', organisationId: 'org_1' })],
    ] as const) {
      expect((await asked(query, token)).statement).toMatchObject({
        organisation_id: 'org_1',
        counts: { 'tollgate.request.v1': 1, 'tollgate.usage.v1': 1 },
      });
    }
    expect((await asked(`${HOUR}&organisation=org_2`)).statement.counts).toEqual({});
    const other = api.token({ role: 'finance', organisationId: 'org_2' });
    expect((await api.get(`/v1/completeness?${HOUR}&organisation=org_1`, other)).json()).toMatchObject({
      code: 'out_of_reach',
    });
  });

  it('is of exactly the leaves that its checkpoint covers: what is in the log and not counted is a reason', async () => {
    gateway.request('team_a', uuid7(random));
    await take(...gateway.events);
    const { rows } = await stand.owner.query<{ checkpoint: string }>(
      'SELECT checkpoint FROM audit.log_publication',
    );
    gateway.request('team_a', uuid7(random));
    await spokenLater(...gateway.events);
    await stand.owner.query('UPDATE audit.index_position SET checkpoint = NULL');
    expect((await api.get(`/v1/completeness?${HOUR}`, finance)).json()).toMatchObject({
      code: 'index_behind',
    });
    await stand.owner.query('UPDATE audit.index_position SET size = 4, checkpoint = $1', [
      rows[0]?.checkpoint,
    ]);
    expect((await asked()).statement).toMatchObject({
      checkpoint: { size: 4 },
      verdict: 'incomplete',
      reasons: [{ code: 'not-indexed-yet', count: 3 }],
    });
  });
});

it('is refused off the quarters of an hour, and without the scope', async () => {
  for (const query of [
    'from=2026-03-01T10:00:01Z&to=2026-03-01T11:00:00Z',
    'from=2026-03-01T10:00:00Z',
    '',
  ]) {
    expect((await api.get(`/v1/completeness?${query}`, finance)).json()).toMatchObject({
      code: 'invalid_request',
    });
  }
  const team = api.token({ role: 'team', teamId: 'team_a', organisationId: 'org_1' });
  expect((await api.get(`/v1/completeness?${HOUR}`, team)).json()).toMatchObject({ code: 'scope_missing' });
});
