import { createHash } from 'node:crypto';
import { seededRandom, temporaryFolder, until } from '@tollgate/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../clock.ts';
import { SpoolError } from './errors.ts';
import { EventLog } from './event-log.ts';
import { FRAME_HEADER_BYTES } from './frame.ts';
import { scanFolder } from './scan.ts';
import { SEGMENT_HEADER_BYTES } from './segment-header.ts';
import { SegmentStore } from './segment-store.ts';
import type { Durability } from './spool.ts';
import { DiskInTest } from './testing/disk-in-test.ts';

const SEGMENT_BYTES = 64 * 1024;
const TYPE = 'tollgate.usage.v1';
const logs: EventLog[] = [];

afterEach(async () => {
  for (const log of logs.splice(0)) await log.close();
});

function openLog(options: { maxSegments?: number; disk?: DiskInTest; waitMs?: number } = {}) {
  const folder = temporaryFolder('event-log');
  const store = new SegmentStore(
    folder,
    {
      segmentBytes: SEGMENT_BYTES,
      maxBytes: (options.maxSegments ?? 64) * SEGMENT_BYTES,
      retainMs: 0,
      retainBytes: 0,
    },
    { segments: [], spares: [], nextIndex: 0 },
    options.disk,
  );
  const log = new EventLog({
    source: '/gateways/gw-test/1',
    store,
    clock: systemClock,
    window: { fromPerSecond: 300, maxMs: 2 },
    lazyMs: 10,
    waitMs: options.waitMs ?? 5000,
    salt: () => 99,
    ...(options.disk === undefined ? {} : { disk: options.disk }),
  });
  logs.push(log);
  return { log, store, folder };
}

function reached(log: EventLog, level: Durability, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    log.after(level, position, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** Fills the log until it refuses; returns how many events fitted. */
function fill(log: EventLog, json = JSON.stringify({ filler: 'x'.repeat(2000) })): number {
  let count = 0;
  for (;;) {
    try {
      log.append(TYPE, json);
      count += 1;
    } catch (error) {
      if (error instanceof SpoolError && error.code === 'spool-full') return count;
      throw error;
    }
  }
}

/** What a recovery would read. */
function readBack(folder: string): string[] {
  const payloads: string[] = [];
  scanFolder(folder, SEGMENT_BYTES, null, (_kind, payload) => payloads.push(payload.toString()));
  return payloads;
}

describe('the event log', () => {
  test('keeps every byte, in order, over many segments, with contiguous numbers and the chain of an independent computation', async () => {
    const { log, folder } = openLog();
    const random = seededRandom(1);
    const written: string[] = [];
    let chain = Buffer.alloc(32);
    for (let i = 1; i <= 400; i += 1) {
      expect(log.nextSequence()).toBe(String(i).padStart(19, '0'));
      const text = random.pick(['x', 'é', '漢', '💶']).repeat(random.integer(1, 400));
      const json = JSON.stringify({ i, text });
      log.append(TYPE, json);
      if (random.next() < 0.1) log.flush();
      written.push(json);
      chain = createHash('sha256').update(chain).update(json).digest();
    }
    await log.settled();
    expect(log.durable.sequence).toBe(400);
    expect(Buffer.from(log.durable.chain, 'latin1').toString('hex')).toBe(chain.toString('hex'));
    expect(log.durable.counts[4]).toBe(400);
    await log.close();
    const epochs = scanFolder(folder, SEGMENT_BYTES, null, () => {}).epochs;
    expect(epochs[0]?.through).toEqual({
      sequence: 400,
      chain: log.durable.chain,
      counts: log.durable.counts,
    });
    expect(readBack(folder)).toEqual(written);
  });

  test('has written what was flushed, so that a killed process leaves it behind', () => {
    const disk = new DiskInTest();
    const { log, folder } = openLog({ disk });
    log.append(TYPE, '{"a":1}');
    log.append(TYPE, '{"a":2}');
    log.flush();
    log.append(TYPE, '{"a":3}');
    const copy = temporaryFolder('killed');
    disk.copyAfterKill(folder, copy);
    expect(readBack(copy)).toEqual(['{"a":1}', '{"a":2}']);
  });

  test('calls back for disk only when the bytes survive a power failure', async () => {
    const disk = new DiskInTest();
    const { log, folder } = openLog({ disk });
    for (let round = 0; round < 10; round += 1) {
      const position = log.append(TYPE, JSON.stringify({ round, filler: 'x'.repeat(9000) }));
      log.append(TYPE, '{"not":"awaited"}');
      await reached(log, 'disk', position);
      const copy = temporaryFolder('power');
      disk.copyAfterPowerLoss(folder, copy, seededRandom(round));
      expect(readBack(copy).filter((json) => json.includes('round')).length).toBe(round + 1);
    }
  });

  test('syncs a segment that was rolled away from while another sync was under way', async () => {
    const disk = new DiskInTest();
    const { log, folder } = openLog({ disk });
    const json = JSON.stringify({ filler: 'x'.repeat(3000) });
    const waits: Promise<void>[] = [];
    let awaited = 0;
    for (let i = 0; i < 120; i += 1) {
      const position = log.append(TYPE, json);
      if (i % 7 === 0) {
        waits.push(reached(log, 'disk', position));
        awaited = i + 1;
        // A turn and a half: the sync has begun, and is not over.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await Promise.all(waits);
    const copy = temporaryFolder('power');
    disk.copyAfterPowerLoss(folder, copy, seededRandom(3));
    expect(readBack(copy).length).toBeGreaterThanOrEqual(awaited);
  });

  test('has everything on disk soon, although nobody waits', async () => {
    const { log } = openLog();
    log.append(TYPE, '{}');
    await until(() => log.durable.sequence === 1, { timeoutMs: 2000, intervalMs: 1 });
  });

  test('calls back for the broker when it has acknowledged, and at once for what it had acknowledged', async () => {
    const { log } = openLog();
    const position = log.append(TYPE, '{}');
    let urgent = 0;
    log.followedBy({ durable: () => {}, urgent: () => (urgent += 1) });
    let done = false;
    const waiting = reached(log, 'broker', position).then(() => {
      done = true;
    });
    await reached(log, 'disk', position);
    expect(urgent).toBe(1);
    expect(done).toBe(false);
    log.acknowledged(position);
    await waiting;
    await reached(log, 'broker', position);
  });

  test('never calls back from within an append or a flush', async () => {
    const { log } = openLog();
    let inside = false;
    const problems: string[] = [];
    const waits: Promise<void>[] = [];
    for (let i = 0; i < 300; i += 1) {
      inside = true;
      const position = log.append(TYPE, JSON.stringify({ filler: 'x'.repeat(5000) }));
      if (i % 3 === 0) log.flush();
      inside = false;
      for (const level of ['relaxed', 'disk'] as const) {
        waits.push(
          reached(log, level, position).then(
            () => undefined,
            () => undefined,
          ),
        );
        log.after(level, position, () => {
          if (inside) problems.push(level);
        });
      }
    }
    await Promise.all(waits);
    expect(problems).toEqual([]);
  });

  test('refuses what no consumer would accept, and gives no number for it', () => {
    const { log } = openLog();
    expect(() => log.append(TYPE, `"${'x'.repeat(65_534)}"`)).toThrow(
      expect.objectContaining({ code: 'event-too-large' }),
    );
    expect(() => log.append(TYPE, `"${'漢'.repeat(30_000)}"`)).toThrow(
      expect.objectContaining({ code: 'event-too-large' }),
    );
    expect(log.nextSequence()).toBe('1'.padStart(19, '0'));
  });

  test('refuses to wait for ever', async () => {
    const { log } = openLog({ waitMs: -1 });
    const waiting = reached(log, 'broker', log.append(TYPE, '{}'));
    const refused = expect(waiting).rejects.toMatchObject({ code: 'spool-timeout' });
    log.expireWaiters();
    await refused;
  });

  test('turns away those who wait when it is closed', async () => {
    const { log } = openLog();
    const waiting = reached(log, 'broker', log.append(TYPE, '{}'));
    const refused = expect(waiting).rejects.toMatchObject({ code: 'spool-stopped' });
    await log.close();
    await refused;
    expect(() => log.append(TYPE, '{}')).toThrow(expect.objectContaining({ code: 'spool-stopped' }));
  });
});

describe('a full spool', () => {
  test('refuses, gives no number, says so beforehand, and takes its own events from the reserve', () => {
    const { log } = openLog({ maxSegments: 3 });
    expect(log.hasRoom(4000)).toBe(true);
    const before = fill(log);
    expect(log.hasRoom(4000)).toBe(false);
    const next = log.nextSequence();
    expect(() => log.append(TYPE, JSON.stringify({ filler: 'x'.repeat(3000) }))).toThrow(
      expect.objectContaining({ code: 'spool-full' }),
    );
    expect(log.nextSequence()).toBe(next);
    log.appendReserved('tollgate.source.gap.v1', JSON.stringify({ filler: 'x'.repeat(3000) }));
    expect(Number(log.nextSequence())).toBe(before + 2);
    expect(() => log.append(TYPE, '{}')).toThrow(expect.objectContaining({ code: 'spool-full' }));
    log.appendReserved('tollgate.source.stopped.v1', '{}');
  });

  test('has room again when the broker acknowledges, but not while a request in it is open', async () => {
    const { log } = openLog({ maxSegments: 3 });
    const hold = log.hold(log.append(TYPE, '{"first":true}'));
    fill(log);
    await log.settled();
    log.acknowledged(log.durable.position);
    expect(log.hasRoom(4000)).toBe(false);
    hold.release();
    await log.settled();
    expect(log.hasRoom(4000)).toBe(true);
    log.append(TYPE, '{}');
  });

  test('keeps room for what closes the requests that were admitted', () => {
    const { log } = openLog({ maxSegments: 3 });
    const json = JSON.stringify({ filler: 'x'.repeat(1000) });
    const admitted: number[] = [];
    while (log.hasRoom(3 * 1100)) {
      const position = log.append(TYPE, json);
      log.append(TYPE, json);
      log.hold(position);
      admitted.push(position);
    }
    expect(admitted.length).toBeGreaterThan(10);
    for (const _ of admitted) log.append(TYPE, json);
  });

  test('drops a segment only when what closed its last request is on disk', async () => {
    const disk = new DiskInTest();
    const { log, store } = openLog({ disk, maxSegments: 8 });
    const hold = log.hold(log.append(TYPE, '{"first":true}'));
    for (let i = 0; i < 40; i += 1) log.append(TYPE, JSON.stringify({ filler: 'x'.repeat(2000) }));
    await log.settled();
    const durable = log.durable.position;
    log.append(TYPE, '{"closes":"first"}');
    hold.release();
    log.acknowledged(durable);
    store.dropExpired(durable, systemClock.monotonic() + 1);
    expect(store.segments[0]?.index).toBe(0);
    await log.settled();
    store.dropExpired(log.durable.position, systemClock.monotonic() + 1);
    expect(store.segments[0]?.index).not.toBe(0);
  });
});

describe('a disk that fails', () => {
  test('for want of space refuses the append, says why, and goes on where it was when there is space', async () => {
    const disk = new DiskInTest();
    const { log, folder } = openLog({ disk });
    log.append(TYPE, '{"a":1}');
    disk.fault = (operation) => (operation === 'write' ? 'ENOSPC' : 'none');
    expect(() => log.flush()).toThrow(
      expect.objectContaining({ code: 'spool-failed', message: expect.stringContaining('ENOSPC') }),
    );
    expect(() => log.append(TYPE, '{"a":2}')).toThrow(expect.objectContaining({ code: 'spool-failed' }));
    expect(log.hasRoom(100)).toBe(false);
    await expect(reached(log, 'disk', log.head)).rejects.toMatchObject({ code: 'spool-failed' });
    await expect(reached(log, 'relaxed', log.head)).rejects.toMatchObject({ code: 'spool-failed' });
    disk.fault = () => 'none';
    await until(() => log.failure === null, { timeoutMs: 2000, intervalMs: 1 });
    log.append(TYPE, '{"a":2}');
    await log.settled();
    await log.close();
    expect(readBack(folder)).toEqual(['{"a":1}', '{"a":2}']);
  });

  test('refuses to roll where no file can be prepared, and goes on when one can', () => {
    const disk = new DiskInTest();
    const { log, store } = openLog({ disk });
    disk.fault = (operation) => (operation === 'prepare' ? 'ENOSPC' : 'none');
    fill(log);
    expect(store.prepareError).toContain('ENOSPC');
    expect(log.hasRoom(4000)).toBe(false);
    disk.fault = () => 'none';
    log.append(TYPE, '{}');
    expect(log.hasRoom(4000)).toBe(true);
  });

  test('to sync never pretends: nobody is told it is safe, and the log takes nothing more', async () => {
    const disk = new DiskInTest();
    const { log } = openLog({ disk });
    const first = log.append(TYPE, '{"a":1}');
    await reached(log, 'disk', first);
    disk.fault = (operation) => (operation === 'sync' ? 'EIO' : 'none');
    await expect(reached(log, 'disk', log.append(TYPE, '{"a":2}'))).rejects.toMatchObject({
      code: 'spool-failed',
    });
    disk.fault = () => 'none';
    expect(() => log.append(TYPE, '{}')).toThrow(expect.objectContaining({ code: 'spool-failed' }));
    expect(log.hasRoom(1)).toBe(false);
    expect(log.failure?.message).toContain('restart');
    await expect(reached(log, 'relaxed', first)).rejects.toMatchObject({ code: 'spool-failed' });
    expect(log.durable.sequence).toBe(1);
  });
});

describe('a segment', () => {
  test('holds its header’s page and whole frames only', async () => {
    const { log, store } = openLog();
    const json = JSON.stringify({ filler: 'x'.repeat(3000) });
    for (let i = 0; i < 60; i += 1) log.append(TYPE, json);
    const frame = FRAME_HEADER_BYTES + json.length;
    const perSegment = Math.floor((SEGMENT_BYTES - SEGMENT_HEADER_BYTES) / frame);
    const [first, second] = store.segments;
    expect(first?.end).toBe(SEGMENT_HEADER_BYTES + perSegment * frame);
    expect(second?.before.sequence).toBe(perSegment);
  });
});
