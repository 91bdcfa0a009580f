import { randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { s3ForTests, seededRandom } from '@tollgate/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SegmentStore } from '../archive/segment-store.ts';
import { fsck } from '../fsck/fsck.ts';
import { LogWriter, type WriterStep } from '../log/writer.ts';
import { testSource } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import type { TileStore } from '../tree/tile-store.ts';
import { S3Bucket, type S3Place } from './s3-bucket.ts';
import { openS3Segments } from './s3-segments.ts';
import { openS3Tiles } from './s3-tiles.ts';

const START_TIMEOUT_MS = 420_000;
const TIMEOUT_MS = 60_000;
const LOCK_DAYS = 30;
const random = seededRandom(3_003);

let s3: Awaited<ReturnType<typeof s3ForTests>>;
let client: S3Client;
let place: S3Place;
let stand: Stand;
let bucket: S3Bucket;
let store: SegmentStore;
let tiles: TileStore;

beforeAll(async () => {
  s3 = await s3ForTests();
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  if (!s3.available) return;
  client = new S3Client({ endpoint: s3.endpoint, region: s3.region, forcePathStyle: true });
}, START_TIMEOUT_MS);
afterAll(() => {
  client?.destroy();
  vi.unstubAllEnvs();
});

beforeEach(async (context) => {
  if (!s3.available) return context.skip(s3.reason);
  place = await newBucket(true);
  bucket = new S3Bucket(place);
  await bucket.check();
  store = openS3Segments(bucket);
  tiles = openS3Tiles(bucket);
  stand = await openStand({ store, tiles });
});
afterEach(async () => {
  await stand?.close();
});

async function newBucket(locks: boolean): Promise<S3Place> {
  if (!s3.available) throw new Error(s3.reason);
  const name = `audit-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket: name, ObjectLockEnabledForBucket: locks }));
  return { bucket: name, prefix: 'one/', endpoint: s3.endpoint, region: s3.region, lockDays: LOCK_DAYS };
}

async function versions(): Promise<{ key: string; version: string }[]> {
  const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: place.bucket }));
  return Versions.map(({ Key = '', VersionId = '' }) => ({ key: Key, version: VersionId }));
}

describe('archive and log in a bucket', { timeout: TIMEOUT_MS }, () => {
  it('hold the exact events in one history, through repeats and writers that end anywhere', async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    for (let i = 0; i < 300; i += 1) source.usage();
    await stand.deliver(random.shuffle([...source.events, ...source.events.slice(0, 50)]));
    for (const fatal of ['written', 'synced', 'committing', 'committed', 'tiled'] as const) {
      const writer = await LogWriter.begin(
        stand.writerOptions({
          maxBatch: 40,
          onStep: (step: WriterStep | string) => {
            if (step === fatal) throw new Error('crash');
          },
        }),
      );
      await expect(writer.step()).rejects.toThrow('crash');
      await stand.assertWhole();
    }
    await stand.integrate({ maxBatch: 70 });
    expect(await stand.assertWhole()).toBe(300);
    const archived = (await stand.archived()).map(({ bytes }) => bytes.toString()).sort();
    expect(archived).toEqual(source.events.map((bytes) => bytes.toString()).sort());
    const files = { read: async (name: string) => (await bucket.read(`log/${name}`)) ?? null };
    const keys = stand.signers.verifierKeys;
    expect(await fsck({ files, keys, earlier: null, archive: null })).toMatchObject({
      size: 300,
      problems: [],
    });
  });

  it('can be removed by nobody as long as the lock holds: segments, entries and full tiles', async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    for (let i = 0; i < 300; i += 1) source.usage();
    await stand.deliver(source.events);
    await stand.integrate();
    const held: string[] = [];
    for (const { key, version } of await versions()) {
      const target = { Bucket: place.bucket, Key: key, VersionId: version };
      const { ObjectLockMode, ObjectLockRetainUntilDate } = await client.send(new HeadObjectCommand(target));
      if (ObjectLockMode === undefined) continue;
      held.push(key.replace(/^one\//, '').replace(/^archive\/.*/, 'archive'));
      expect(ObjectLockMode).toBe('COMPLIANCE');
      const untilMs = ObjectLockRetainUntilDate?.getTime() ?? 0;
      expect(Math.round((untilMs - Date.now()) / 86_400_000)).toBe(LOCK_DAYS);
      for (const BypassGovernanceRetention of [false, true]) {
        await expect(
          client.send(new DeleteObjectCommand({ ...target, BypassGovernanceRetention })),
        ).rejects.toMatchObject({ name: 'AccessDenied' });
      }
    }
    expect(held.sort()).toEqual(['archive', 'log/tile/0/000', 'log/tile/entries/000']);
    await stand.assertWhole();
  });

  it('show what somebody hid behind a delete marker, or wrote over', async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    for (let i = 0; i < 20; i += 1) source.usage();
    await stand.deliver(source.events);
    await stand.integrate();
    const part = (await bucket.list('archive/'))[0]?.key ?? '';
    const bytes = (await bucket.read(part)) ?? Buffer.alloc(0);
    bytes[60] = (bytes[60] ?? 0) ^ 1;
    await bucket.replace(part, bytes);
    await expect(stand.archived()).rejects.toMatchObject({ code: 'archive_corrupt' });
    await bucket.remove([part]);
    await expect(stand.archived()).rejects.toMatchObject({ code: 'archive_truncated' });
  });

  it('take no other bytes for a tile or a batch that is there', async () => {
    const path = 'tile/0/000';
    await tiles.write([{ path, bytes: Buffer.from('one'), full: true }]);
    await tiles.write([{ path, bytes: Buffer.from('one'), full: true }]);
    await expect(tiles.write([{ path, bytes: Buffer.from('two'), full: true }])).rejects.toMatchObject({
      code: 'log_forked',
    });
    await store.write('a.seg', 0, Buffer.from('one'));
    await store.sync('a.seg');
    await store.write('a.seg', 0, Buffer.from('two'));
    await expect(store.sync('a.seg')).rejects.toMatchObject({ code: 'log_forked' });
  });

  it('read any range of a segment, however it was cut into parts', async () => {
    const whole = Buffer.from(Array.from({ length: 997 }, () => random.integer(0, 255)));
    for (let at = 0; at < whole.length; ) {
      const end = Math.min(whole.length, at + random.integer(1, 120));
      await store.write('b.seg', at, whole.subarray(at, end));
      await store.sync('b.seg');
      at = end;
    }
    expect(await store.size('b.seg')).toBe(997);
    expect(await store.size('c.seg')).toBeNull();
    for (let i = 0; i < 20; i += 1) {
      const from = random.integer(0, 996);
      const length = random.integer(1, 400);
      expect(await store.read('b.seg', from, length)).toEqual(whole.subarray(from, from + length));
    }
  });
});

describe('a bucket that will not do', { timeout: TIMEOUT_MS }, () => {
  it('is refused at the start: it is missing, or locks nothing', async () => {
    const missing = new S3Bucket({ ...place, bucket: 'audit-none' });
    await expect(missing.check()).rejects.toMatchObject({ code: 'object_store' });
    const open = await newBucket(false);
    await expect(new S3Bucket(open).check()).rejects.toMatchObject({
      code: 'object_store',
      message: expect.stringContaining('Object Lock'),
    });
    await new S3Bucket({ ...open, lockDays: 0 }).check();
  });
});
