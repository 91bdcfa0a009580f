import path from 'node:path';
import { createLogger } from '@tollgate/telemetry';
import { seededRandom, tinyDisk, until } from '@tollgate/testing';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { openFileSegments } from '../archive/file-segments.ts';
import { logFiles } from '../fsck/files.ts';
import { fsck } from '../fsck/fsck.ts';
import { testSource } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { openFileTiles } from '../tree/file-tiles.ts';
import { readPublication } from '../tree/publication.ts';
import { startIntegrator } from './integrator.ts';

const DISK_KIB = 700;
const GROWN_KIB = 20_000;
const EVENTS = 1_500;
const TIMEOUT_MS = 60_000;
const random = seededRandom(28);

let stand: Stand;
beforeEach(async () => {
  stand = await openStand();
});
afterEach(() => stand.close());

test('a disk that is really full stops the log, which says so, and goes on whole once there is room', {
  timeout: TIMEOUT_MS,
}, async ({ skip }) => {
  const disk = tinyDisk(DISK_KIB);
  if (disk === null) return skip('only root may mount a tmpfs');
  onTestFinished(() => disk.remove());
  const log = path.join(disk.folder, 'log');
  const store = await openFileSegments(disk.folder);
  onTestFinished(() => store.close());
  const source = testSource(random, '/gateways/gw-1/e1');
  for (let i = 0; i < EVENTS; i += 1) source.usage();
  await stand.deliver(source.events);
  const integrator = startIntegrator({
    ...stand.writerOptions({ store, tiles: await openFileTiles(log), maxBatch: 40 }),
    lock: { url: stand.database.urlFor('audit') },
    logger: createLogger({ service: 'audit', level: 'silent' }),
  });
  await until(() => integrator.trouble()?.includes('ENOSPC') === true, { timeoutMs: TIMEOUT_MS });
  const size = await stand.size();
  expect(size).toBeGreaterThan(0);
  expect(size).toBeLessThan(EVENTS);
  disk.grow(GROWN_KIB);
  await until(async () => (await readPublication(stand.pool))?.size === EVENTS, { timeoutMs: TIMEOUT_MS });
  await until(() => integrator.trouble() === null, { timeoutMs: TIMEOUT_MS });
  await integrator.stop();
  const report = await fsck({
    files: logFiles(log, null),
    keys: stand.signers.verifierKeys,
    earlier: null,
    archive: disk.folder,
  });
  expect(report).toMatchObject({ size: EVENTS, events: EVENTS, problems: [] });
});
