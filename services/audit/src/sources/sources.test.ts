import { generateKeyPairSync } from 'node:crypto';
import { seededRandom } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testSource } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { listSources, openGaps } from './listing.ts';

const GRACE_MS = 30_000;
const LOST_AFTER_MS = 30_000;
const random = seededRandom(7);
const key = generateKeyPairSync('ed25519');
const registered = Buffer.from(String(key.publicKey.export({ format: 'jwk' })['x']), 'base64url').toString(
  'base64',
);

let stand: Stand;
beforeEach(async () => {
  stand = await openStand({ publicKeyOf: (instance) => (instance === 'gw-1' ? registered : undefined) });
});
afterEach(async () => {
  await stand.close();
});

async function take(...events: Buffer[]): Promise<void> {
  await stand.deliver(events);
  await stand.integrate();
}

const gaps = () => openGaps(stand.pool, { nowMs: stand.nowMs, graceMs: GRACE_MS });
const sources = () =>
  listSources(stand.pool, { nowMs: stand.nowMs, graceMs: GRACE_MS, lostAfterMs: LOST_AFTER_MS });
const sourceNamed = async (name: string) => (await sources()).find((source) => source.source === name);

describe('gaps', () => {
  it('appear once the grace is over, and vanish when the events come after all', async () => {
    const gateway = testSource(random, '/gateways/gw-1/e1', key);
    gateway.started();
    for (let i = 0; i < 9; i += 1) gateway.usage();
    await take(...gateway.events.filter((_, nth) => ![3, 4, 7].includes(nth)), gateway.heartbeat());
    stand.nowMs += GRACE_MS - 1;
    expect(await gaps()).toEqual([]);
    stand.nowMs += 1;
    expect(await gaps()).toEqual([
      { source: gateway.name, from: 4, to: 5 },
      { source: gateway.name, from: 8, to: 8 },
    ]);
    await take(...gateway.events.slice(3, 5));
    expect(await gaps()).toEqual([{ source: gateway.name, from: 8, to: 8 }]);
    await take(...gateway.events);
    expect(await gaps()).toEqual([]);
    expect(await sourceNamed(gateway.name)).toMatchObject({
      through: 10,
      received: 10,
      verified_through: 10,
    });
  });

  it('are none of what a source has not said to have stored', async () => {
    const gateway = testSource(random, '/gateways/gw-1/e1', key);
    gateway.started();
    for (let i = 0; i < 5; i += 1) gateway.usage();
    await take(...gateway.events.slice(0, 2), ...gateway.events.slice(4), gateway.heartbeat(2));
    stand.nowMs += 2 * GRACE_MS;
    expect(await gaps()).toEqual([]);
  });

  it('stay open where the source itself declares them, and are shown as declared', async () => {
    const gateway = testSource(random, '/gateways/gw-1/e1', key);
    gateway.started();
    gateway.usage();
    gateway.usage();
    const gap = gateway.emit({
      type: 'tollgate.source.gap.v1',
      id: '01890000-0000-7000-8000-000000000001',
      subject: gateway.name,
      time: '2026-03-01T10:00:00.000Z',
      data: {
        instance: 'gw-1',
        reason: 'spool-corrupt',
        source: gateway.name,
        from: 2,
        to: 3,
        unrecorded_requests: 0,
        since: '2026-03-01T10:00:00.000Z',
        until: '2026-03-01T10:00:01.000Z',
      },
    });
    await take(...gateway.events.slice(0, 1), gap, gateway.heartbeat());
    stand.nowMs += GRACE_MS;
    expect(await gaps()).toEqual([]);
    expect(await sourceNamed(gateway.name)).toMatchObject({
      received: 2,
      through: 4,
      gaps: [],
      declared_gaps: [{ from: 2, to: 3, reason: 'spool-corrupt', unrecorded_requests: 0 }],
    });
  });
});

describe('a source', () => {
  it('is open while it is heard of, lost when it is not, and stopped once a later epoch names its last number', async () => {
    const first = testSource(random, '/gateways/gw-1/e1', key);
    first.started();
    first.usage();
    first.usage();
    await take(...first.events.slice(0, 2), first.heartbeat(2));
    expect(await sourceNamed(first.name)).toMatchObject({ state: 'open', tail: 'open at 2' });
    stand.nowMs += LOST_AFTER_MS + 1;
    expect(await sourceNamed(first.name)).toMatchObject({ state: 'lost', tail: 'tail unknown after 2' });

    const second = testSource(random, '/gateways/gw-1/e2', key);
    second.started([first]);
    await take(...second.events);
    expect(await sourceNamed(first.name)).toMatchObject({ state: 'lost' });
    await take(second.heartbeat());
    expect(await sourceNamed(first.name)).toMatchObject({
      state: 'stopped',
      through: 3,
      tail: 'ended at 3, with numbers missing',
    });
    await take(...first.events);
    expect(await sourceNamed(first.name)).toMatchObject({ tail: 'complete at 3', verified_through: 3 });
  });

  it('is stopped, and complete, when it says so itself', async () => {
    const gateway = testSource(random, '/gateways/gw-1/e1', key);
    gateway.started();
    gateway.usage();
    gateway.stopped();
    await take(...gateway.events);
    stand.nowMs += 10 * LOST_AFTER_MS;
    expect(await sourceNamed(gateway.name)).toMatchObject({
      state: 'stopped',
      through: 3,
      tail: 'complete at 3',
    });
  });

  it('of a service signs with the key of its own start', async () => {
    const service = testSource(random, '/services/directory/e1');
    service.started();
    service.usage();
    await take(...service.events, service.heartbeat());
    expect(await sourceNamed(service.name)).toMatchObject({ through: 2, verified_through: 2 });
  });
});

describe('a forged word', () => {
  it('moves nothing, and is kept apart', async () => {
    const gateway = testSource(random, '/gateways/gw-1/e1', key);
    const forger = testSource(random, '/gateways/gw-1/e1');
    gateway.started();
    forger.started();
    forger.usage();
    forger.usage();
    await take(...gateway.events, gateway.heartbeat(), forger.heartbeat());
    stand.nowMs += GRACE_MS;
    expect(await gaps()).toEqual([]);
    expect(await sourceNamed(gateway.name)).toMatchObject({
      through: 1,
      unverified: { reason: 'bad-signature', through: 3 },
    });
  });

  it('of an unregistered gateway moves nothing either', async () => {
    const stranger = testSource(random, '/gateways/gw-9/e1');
    stranger.started();
    await take(...stranger.events, stranger.heartbeat());
    expect(await sourceNamed(stranger.name)).toMatchObject({
      through: 0,
      unverified: { reason: 'unknown-key' },
    });
  });

  it('of a start is not believed before the epoch has signed', async () => {
    const first = testSource(random, '/gateways/gw-1/e1', key);
    first.started();
    await take(...first.events, first.heartbeat());
    const forger = testSource(random, '/gateways/gw-1/e2');
    for (let i = 0; i < 9; i += 1) first.usage();
    forger.started([first]);
    await take(...forger.events, forger.heartbeat());
    expect(await sourceNamed(first.name)).toMatchObject({ state: 'open', through: 1 });
  });
});

describe('the chain', () => {
  it('shows that the log holds other bytes than the source wrote', async () => {
    const gateway = testSource(random, '/gateways/gw-1/e1', key);
    const forger = testSource(random, '/gateways/gw-1/e1', key);
    gateway.started();
    forger.started();
    gateway.usage();
    forger.usage();
    await take(...gateway.events.slice(0, 1), ...forger.events.slice(1), gateway.heartbeat());
    expect(await sourceNamed(gateway.name)).toMatchObject({ verified_through: 0, chain_mismatch_at: 2 });
    const { rows } = await stand.pool.query('SELECT kind, source FROM conflict');
    expect(rows).toEqual([{ kind: 'chain-mismatch', source: gateway.name }]);
  });

  it('is verified whatever order events and heartbeats come in, over restarts of the writer', async () => {
    const gateway = testSource(random, '/gateways/gw-1/e1', key);
    gateway.started();
    const words: Buffer[] = [];
    for (let i = 0; i < 120; i += 1) {
      gateway.usage();
      if (i % 20 === 0) words.push(gateway.heartbeat());
    }
    const events = random.shuffle([...gateway.events, ...words]);
    for (let at = 0; at < events.length; at += 9) await take(...events.slice(at, at + 9));
    await take(gateway.heartbeat());
    expect(await sourceNamed(gateway.name)).toMatchObject({ verified_through: 121, chain_mismatch_at: null });
  });
});
