import { join } from 'node:path';
import { tinyDisk, until } from '@tollgate/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BrokerInMemory, requestEnds } from '../source/testing/broker-in-memory.ts';
import { RequestLife } from '../source/testing/request-life.ts';
import { KIB, newId, openTestSpool } from '../source/testing/spool-under-test.ts';
import { SpoolError } from './errors.ts';

const DISK_KIB = 1280;

describe('a disk that is really full', () => {
  test('refuses appends with a code, keeps what it took, and goes on when the broker is back', async ({
    skip,
  }) => {
    const disk = tinyDisk(DISK_KIB);
    if (disk === null) return skip('only root may mount a tmpfs');
    onTestFinished(() => disk.remove());
    const folder = join(disk.folder, 'spool');
    const spool = openTestSpool(folder, {
      settings: { maxBytes: 1024 * 256 * KIB, retainMs: 0, retainBytes: 0 },
    });
    onTestFinished(() => spool.stop(0));
    const life = new RequestLife(spool.spool, newId);
    const taken: string[] = [];
    const refused = (() => {
      for (;;) {
        const id = newId();
        try {
          life.request(id);
          life.decision(id, 'denied');
          taken.push(id);
        } catch (error) {
          return error;
        }
      }
    })();
    expect(refused).toBeInstanceOf(SpoolError);
    expect(refused).toMatchObject({ code: 'spool-full', message: expect.stringContaining('ENOSPC') });
    expect(spool.spool.hasRoom(1000)).toBe(false);
    expect(spool.trouble()).toContain('free space');
    const broker = new BrokerInMemory();
    spool.startPublishing(broker.publisher());
    await until(() => spool.stats().unacknowledgedEvents <= 0, { timeoutMs: 5000 });
    await until(() => spool.spool.hasRoom(1000), { timeoutMs: 5000 });
    const ends = requestEnds(broker.events());
    for (const id of taken) expect(ends.get(id)?.decisions).toEqual(['denied_by_policy']);
    life.request(newId());
  });
});
