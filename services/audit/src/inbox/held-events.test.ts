import { seededRandom } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testSource } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { HeldEvents } from './held-events.ts';
import { oldestRows } from './inbox.ts';
import type { InboxRow } from './inbox-row.ts';

function rowsAt(first: number, count: number, bytes = 100): InboxRow[] {
  return Array.from({ length: count }, (_, nth) => ({
    arrival: first + nth,
    eventId: '0198a6f0-0000-7abc-9def-0123456789ab',
    source: '/gateways/gw-1/e1',
    sequence: first + nth,
    type: 'tollgate.usage.v1',
    subject: 's',
    organisationId: null,
    teamId: null,
    timeMs: 0,
    receivedMs: 0,
    facts: null,
    salt: Buffer.alloc(32, nth),
    bytes: Buffer.alloc(bytes),
  }));
}

describe('what is held for the integrator', () => {
  it('is there until it has left the inbox', () => {
    const held = new HeldEvents();
    held.add(rowsAt(100, 3));
    expect(held.get(101)?.sequence).toBe(101);
    held.remove([100, 101]);
    expect([100, 101, 102].map((arrival) => held.get(arrival)?.arrival)).toEqual([undefined, undefined, 102]);
  });

  it('is no more than there is room for, and what came first stays', () => {
    const held = new HeldEvents({ maxBytes: 1_000 });
    held.add(rowsAt(100, 10));
    held.add(rowsAt(200, 1));
    expect([held.get(100)?.arrival, held.get(200)]).toEqual([100, undefined]);
    held.remove(rowsAt(100, 10).map(({ arrival }) => arrival));
    held.add(rowsAt(300, 1));
    expect(held.get(300)?.arrival).toBe(300);
  });

  it('goes after a minute: its transaction may have been rolled back', () => {
    let nowMs = 0;
    const held = new HeldEvents({ maxBytes: 1_000, clock: () => nowMs });
    held.add(rowsAt(100, 10));
    nowMs = 60_001;
    held.add(rowsAt(200, 1));
    expect([held.get(100), held.get(200)?.arrival]).toEqual([undefined, 200]);
  });

  it('lets a batch wait while there is no room', async () => {
    const held = new HeldEvents({ maxBytes: 1_000 });
    await held.room();
    held.add(rowsAt(100, 10));
    let free = false;
    const room = held.room().then(() => {
      free = true;
    });
    await new Promise(setImmediate);
    expect(free).toBe(false);
    held.remove(rowsAt(100, 10).map(({ arrival }) => arrival));
    await new Promise(setImmediate);
    expect(free).toBe(true);
    await room;
  });
});

describe('a row of the inbox', () => {
  let stand: Stand;
  beforeEach(async () => {
    stand = await openStand();
  });
  afterEach(() => stand.close());

  const all = { maxRows: 100, maxBytes: 1 << 20, except: [] };

  it('is what the table says, whatever is held under its number', async () => {
    const source = testSource(seededRandom(5), '/gateways/gw-1/e1');
    source.usage();
    source.usage();
    await stand.deliver(source.events);
    const read = await oldestRows(stand.pool, all);
    const [first, second] = read;
    if (first === undefined || second === undefined) throw new Error('nothing was delivered');
    const held = new HeldEvents();
    held.add([
      { ...first, salt: Buffer.alloc(32, 1), bytes: Buffer.from('of a transaction that was rolled back') },
      { ...second, type: 'held' },
      { ...second, arrival: second.arrival + 1 },
    ]);
    expect(await oldestRows(stand.pool, { ...all, held })).toEqual([first, { ...second, type: 'held' }]);
  });

  it('is read from the table as it was put there', async () => {
    const source = testSource(seededRandom(6), '/gateways/gw-1/e1');
    source.usage();
    await stand.deliver(source.events);
    // Every other batch is held.
    const [event] = await oldestRows(stand.pool, all);
    expect(event).toMatchObject({
      source: '/gateways/gw-1/e1',
      sequence: 1,
      type: 'tollgate.usage.v1',
      organisationId: 'org_1',
      teamId: 'team_a',
      timeMs: Date.parse('2026-03-01T10:00:00.000Z'),
      receivedMs: stand.nowMs,
      facts: null,
    });
    expect(event?.bytes).toEqual(source.events[0]);
  });
});
