import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  formatSealingKey,
  newUnsealingKey,
  openBatch,
  readSealingKey,
  readUnsealingKey,
} from '@tollgate/payload-sealing';
import { createLogger } from '@tollgate/telemetry';
import { temporaryFolder, tinyDisk } from '@tollgate/testing';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Appended, PayloadSpool, type UnsealedFacts } from './payload-spool.ts';

const ours = readUnsealingKey(newUnsealingKey());
const key = readSealingKey(formatSealingKey(ours));

let folder: string;
beforeEach(() => {
  folder = temporaryFolder('payload-spool');
});

function open(at = folder): PayloadSpool {
  const spool = new PayloadSpool({
    folder: at,
    maxBytes: 1 << 26,
    log: createLogger({ service: 'gateway', level: 'silent' }),
    onBatch: () => undefined,
  });
  onTestFinished(() => spool.close());
  return spool;
}

function facts(nth: number): UnsealedFacts {
  return {
    request_id: `0190a000-0000-7000-8000-${String(nth).padStart(12, '0')}`,
    direction: 'request',
    organisation_id: 'org_1',
    team_id: 'team_1',
    principal_type: 'user',
    principal_id: 'user_1',
    end_user: null,
    requested_at: '2026-11-21T12:00:00.000Z',
    retain_until: null,
    content_type: 'application/json',
    body_bytes: 10,
    truncated: false,
  };
}

function safe(spool: PayloadSpool, { group }: Appended): Promise<Error | null> {
  return new Promise((resolve) => spool.whenSafe(group, resolve));
}

function digestsIn(at: string): string[] {
  return readdirSync(at)
    .toSorted()
    .flatMap((name) => openBatch(readFileSync(join(at, name)), (id) => (id === ours.id ? ours : undefined)))
    .map((payload) => payload.facts.digest);
}

function appended(result: Appended | null): Appended {
  if (result === null) throw new Error('it should have been taken');
  return result;
}

test('what one turn appends is written at its end, together', async () => {
  const spool = open();
  const digests = [1, 2, 3].map((nth) => appended(spool.append(key, facts(nth), Buffer.from('body'))).digest);
  expect(digestsIn(folder)).toEqual([]);
  await new Promise((resolve) => setImmediate(resolve));
  // As a process killed now would leave it.
  expect(digestsIn(folder)).toEqual(digests);
});

test('who waits for the disk finds everything there that was appended before', async () => {
  const spool = open();
  const first = appended(spool.append(key, facts(1), Buffer.from('one')));
  const second = appended(spool.append(key, facts(2), Buffer.alloc(2 << 20)));
  const third = appended(spool.append(key, facts(3), Buffer.from('three')));
  expect(await Promise.all([first, second, third].map((each) => safe(spool, each)))).toEqual([
    null,
    null,
    null,
  ]);
  expect(digestsIn(folder)).toEqual([first.digest, second.digest, third.digest]);
});

test('a batch ends with what was appended before another key', async () => {
  const spool = open();
  const other = readUnsealingKey(newUnsealingKey());
  const first = appended(spool.append(key, facts(1), Buffer.from('one')));
  spool.append(readSealingKey(formatSealingKey(other)), facts(2), Buffer.from('two'));
  await spool.close();
  const pairs = new Map([ours, other].map((pair) => [pair.id, pair]));
  const batches = readdirSync(folder)
    .toSorted()
    .map((name) => openBatch(readFileSync(join(folder, name)), (id) => pairs.get(id)));
  expect(batches.map((batch) => batch.length)).toEqual([1, 1]);
  expect(batches[0]?.[0]?.facts.digest).toBe(first.digest);
});

describe('a disk that is really full', () => {
  test('tells who waits, takes nothing more that it can not write, and goes on when there is room', async ({
    skip,
  }) => {
    const disk = tinyDisk(200);
    if (disk === null) return skip('only root may mount a tmpfs');
    onTestFinished(() => disk.remove());
    const at = join(disk.folder, 'payloads');
    const spool = open(at);
    const kept = appended(spool.append(key, facts(1), Buffer.from('fits')));
    expect(await safe(spool, kept)).toBeNull();
    // The disk is asked at the end of the turn, so the first that does not fit is taken, and its caller is told.
    const tooMuch = appended(spool.append(key, facts(2), Buffer.alloc(220 * 1024)));
    const beside = appended(spool.append(key, facts(3), Buffer.alloc(30 * 1024)));
    expect(await safe(spool, tooMuch)).toBeInstanceOf(Error);
    expect(await safe(spool, beside)).toBeInstanceOf(Error);
    expect(spool.failed).toBe(true);
    expect(spool.append(key, facts(4), Buffer.alloc(250 * 1024))).toBeNull();
    disk.grow(4096);
    const later = appended(spool.append(key, facts(5), Buffer.from('later')));
    expect(await safe(spool, later)).toBeNull();
    expect(spool.failed).toBe(false);
    await spool.close();
    expect(digestsIn(at)).toEqual([kept.digest, later.digest]);
  });
});
