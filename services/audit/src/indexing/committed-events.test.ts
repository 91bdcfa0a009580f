import { describe, expect, it } from 'vitest';
import { CommittedEvents, type IndexableEvent } from './committed-events.ts';

const facts = {
  source: '/gateways/gw-1/e1',
  type: 'tollgate.usage.v1',
  happenedMs: 0,
  organisationId: null,
  teamId: null,
  terms: Buffer.alloc(4),
  mark: null,
};

/** Each with its leaf as its sequence. */
function eventsAt(first: number, count: number): IndexableEvent[] {
  return Array.from({ length: count }, (_, nth) => ({
    facts,
    sourceId: 1,
    sequence: first + nth,
    timeMs: 0,
    receivedMs: 0,
  }));
}

const leaves = (events: IndexableEvent[] | null) => events?.map(({ sequence }) => sequence) ?? null;

describe('what was just committed', () => {
  it('is given from any leaf on, over several batches, up to what is asked', () => {
    const committed = new CommittedEvents();
    committed.add(10, eventsAt(10, 3));
    committed.add(13, eventsAt(13, 3));
    expect(leaves(committed.from(11, 15))).toEqual([11, 12, 13, 14]);
    expect(leaves(committed.from(15, 100))).toEqual([15]);
    expect(committed.from(16, 100)).toBeNull();
  });

  it('is nothing where the first is not here, and says where it begins', () => {
    const committed = new CommittedEvents();
    committed.add(10, eventsAt(10, 2));
    expect(committed.from(8, 100)).toBeNull();
    expect([committed.firstBefore(100), committed.firstBefore(9)]).toEqual([10, 9]);
    expect(leaves(committed.from(10, 100))).toEqual([10, 11]);
  });

  it('ends before a hole, which a batch leaves that has to be read', () => {
    const committed = new CommittedEvents();
    committed.add(0, eventsAt(0, 2));
    committed.add(2, null);
    committed.add(4, eventsAt(4, 2));
    expect(leaves(committed.from(0, 100))).toEqual([0, 1]);
    expect(committed.from(2, 100)).toBeNull();
    expect(committed.firstBefore(100)).toBe(4);
  });

  it('is no more than fits, and what came first stays', () => {
    const committed = new CommittedEvents(3);
    committed.add(0, eventsAt(0, 3));
    committed.add(3, eventsAt(3, 3));
    expect(leaves(committed.from(0, 100))).toEqual([0, 1, 2]);
    expect(committed.from(3, 100)).toBeNull();
    committed.add(6, eventsAt(6, 1));
    expect(committed.firstBefore(100)).toBe(6);
  });

  it('is void once the log has gone back, as a restored database makes it', () => {
    const committed = new CommittedEvents();
    committed.add(0, eventsAt(0, 5));
    committed.add(3, eventsAt(3, 1));
    expect(committed.from(0, 100)).toBeNull();
    expect(leaves(committed.from(3, 100))).toEqual([3]);
  });
});
