import { existsSync } from 'node:fs';
import { temporaryFolder } from '@tollgate/testing';
import { describe, expect, test } from 'vitest';
import { nodeDisk } from './disk.ts';
import { listSegments } from './segment-file.ts';
import { MARK_START } from './segment-header.ts';
import { SegmentStore, type StoreLimits } from './segment-store.ts';

const SEGMENT_BYTES = 16 * 1024;
const SOURCE = '/gateways/gw-test/1';

/** A store with `count` full segments behind the current one, none of them acknowledged. */
async function storeWith(count: number, limits: Partial<StoreLimits> = {}, disk = nodeDisk) {
  const folder = temporaryFolder('store');
  const store = new SegmentStore(
    folder,
    { segmentBytes: SEGMENT_BYTES, maxBytes: 64 * SEGMENT_BYTES, retainMs: 0, retainBytes: 0, ...limits },
    { segments: [], spares: [], nextIndex: 0 },
    disk,
  );
  for (let i = 0; i <= count; i += 1) {
    const last = store.segments.at(-1);
    store.roll(SOURCE, i, MARK_START, last === undefined ? null : last.base + SEGMENT_BYTES, true);
  }
  for (const segment of store.segments.slice(0, -1)) segment.fd = null;
  const indexes = (): number[] => store.segments.map(({ index }) => index);
  const endOf = (index: number): number =>
    store.segments.find((segment) => segment.index === index)?.end ?? 0;
  return { store, folder, indexes, endOf };
}

const ALL = Number.MAX_SAFE_INTEGER;

describe('the files of a spool', () => {
  test('are kept until the broker has acknowledged them, however old', async () => {
    const { store, indexes, endOf } = await storeWith(3);
    store.dropExpired(ALL, 1e12);
    expect(indexes()).toEqual([0, 1, 2, 3]);
    store.acknowledge(endOf(1) - 1, 0);
    store.dropExpired(ALL, 1e12);
    expect(indexes()).toEqual([1, 2, 3]);
    await store.close();
  });

  test('are kept for a while after that, to answer gaps', async () => {
    const { store, indexes, endOf } = await storeWith(3, { retainMs: 1000, retainBytes: ALL });
    store.acknowledge(endOf(0), 5000);
    store.acknowledge(endOf(1), 5500);
    store.dropExpired(ALL, 5999);
    expect(indexes()).toEqual([0, 1, 2, 3]);
    store.dropExpired(ALL, 6000);
    expect(indexes()).toEqual([1, 2, 3]);
    await store.close();
  });

  test('are dropped earlier where they take more than they may', async () => {
    const { store, indexes, endOf } = await storeWith(4, { retainMs: ALL, retainBytes: 2 * SEGMENT_BYTES });
    store.acknowledge(endOf(3), 0);
    store.dropExpired(ALL, 1);
    expect(indexes()).toEqual([2, 3, 4]);
    await store.close();
  });

  test('are dropped from the oldest end only: a request that is open keeps everything behind it', async () => {
    const { store, indexes, endOf } = await storeWith(3);
    const [first, second] = store.segments;
    if (first === undefined || second === undefined) throw new Error('no segments');
    store.acknowledge(endOf(2), 0);
    first.holds = 1;
    store.dropExpired(ALL, 1);
    expect(indexes()).toEqual([0, 1, 2, 3]);
    first.holds = 0;
    second.holds = 1;
    store.dropExpired(ALL, 1);
    expect(indexes()).toEqual([1, 2, 3]);
    await store.close();
  });

  test('make room under the cap by dropping what is only kept for gap answers', async () => {
    const { store, indexes, endOf } = await storeWith(3, {
      maxBytes: 4 * SEGMENT_BYTES,
      retainMs: ALL,
      retainBytes: ALL,
    });
    expect(store.roomBytes()).toBe(0);
    store.acknowledge(endOf(1), 0);
    await store.tend(ALL, 1);
    expect(indexes()).toEqual([2, 3]);
    expect(store.usedBytes).toBe(4 * SEGMENT_BYTES);
    expect(store.roomBytes()).toBeGreaterThan(0);
    await store.close();
  });

  test('are prepared ahead, two of them, and never more bytes than the cap', async () => {
    const { store, folder } = await storeWith(0, { maxBytes: 3 * SEGMENT_BYTES });
    await Promise.all([store.tend(0, 0), store.tend(0, 0)]);
    expect(listSegments(folder).length).toBe(3);
    expect(store.wantsSpares).toBe(false);
    store.roll(SOURCE, 1, MARK_START, SEGMENT_BYTES, false);
    await store.tend(0, 0);
    expect(listSegments(folder).length).toBe(3);
    expect(store.usedBytes).toBe(3 * SEGMENT_BYTES);
    expect(() => store.roll(SOURCE, 2, MARK_START, SEGMENT_BYTES, false)).toThrow(
      expect.objectContaining({ code: 'spool-full' }),
    );
    await store.close();
  });

  test('have names in the order of writing, also where one that was being prepared is overtaken', async () => {
    const gate = Promise.withResolvers<void>();
    const slow = {
      ...nodeDisk,
      prepare: async (folder: string, index: number, bytes: number) => {
        await gate.promise;
        return nodeDisk.prepare(folder, index, bytes);
      },
    };
    const { store, folder, indexes } = await storeWith(0, {}, slow);
    const tended = store.tend(0, 0);
    store.roll(SOURCE, 1, MARK_START, SEGMENT_BYTES, true);
    expect(store.blockingRolls).toBe(2);
    gate.resolve();
    await tended;
    store.roll(SOURCE, 2, MARK_START, 2 * SEGMENT_BYTES, true);
    expect(indexes()).toEqual([...indexes()].sort((a, b) => a - b));
    for (const { path } of store.segments) expect(existsSync(path)).toBe(true);
    expect(listSegments(folder)).toEqual(expect.arrayContaining(indexes()));
    await store.close();
  });
});
