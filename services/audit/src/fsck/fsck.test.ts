import { readdirSync, readFileSync } from 'node:fs';
import { copyFile, cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { seededRandom, temporaryFolder } from '@tollgate/testing';
import { CHECKPOINT_PATH, ed25519Signer, formatSignerKey } from '@tollgate/transparency-log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogWriter } from '../log/writer.ts';
import { testSource } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { readLogSigners } from '../tree/log-signers.ts';
import { logFiles } from './files.ts';
import { type FsckReport, fsck } from './fsck.ts';

const random = seededRandom(1_962);
/** Two levels of tiles, and both unfilled. */
const EVENTS = 700;

let stand: Stand;
let log = '';
let archive = '';
let keys: readonly string[] = [];

beforeEach(async () => {
  stand = await openStand();
  const source = testSource(random, '/gateways/gw-1/e1');
  for (let i = 0; i < EVENTS; i += 1) source.usage();
  await stand.deliver(source.events.slice(0, 300));
  await stand.integrate({ maxBatch: 110, maxSegmentBytes: 100_000 });
  const copy = temporaryFolder('audit-fsck');
  await copyFile(path.join(stand.folder, 'log', CHECKPOINT_PATH), path.join(copy, 'kept'));
  await stand.deliver(source.events.slice(300));
  await stand.integrate({ maxBatch: 90, maxSegmentBytes: 100_000 });
  await cp(stand.folder, path.join(copy, 'archive'), { recursive: true });
  archive = path.join(copy, 'archive');
  log = path.join(archive, 'log');
  keys = stand.signers.verifierKeys;
});
afterEach(() => stand.close());

const kept = () => readFile(path.join(archive, '..', 'kept'));

async function check(request: Partial<Parameters<typeof fsck>[0]> = {}): Promise<FsckReport> {
  return fsck({ files: logFiles(log, null), keys, earlier: await kept(), archive, ...request });
}

const codes = ({ problems }: FsckReport) => problems.map(({ code }) => code);

/** Files below a folder, by their names there. */
async function filesBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  const files = await Promise.all(names.map(async (name) => (await stat(path.join(folder, name))).isFile()));
  return names.filter((_, nth) => files[nth]).sort();
}

async function flipped(file: string, at: number): Promise<() => Promise<void>> {
  const original = await readFile(file);
  const changed = Buffer.from(original);
  changed[at] = (changed[at] ?? 0) ^ (1 << random.integer(0, 7));
  await writeFile(file, changed);
  return () => writeFile(file, original);
}

describe('fsck', () => {
  it('finds a whole log whole: entries, tiles, checkpoint, its ancestor, archive', async () => {
    const report = await check();
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({ size: EVENTS, entries: EVENTS, events: EVENTS });
    expect(report.tiles).toBe(4);
  });

  it('finds a byte changed anywhere in the files of the log', async () => {
    // Partial tiles of earlier checkpoints belong to no log of this size.
    const current = (await filesBelow(log)).filter((name) => !/\.p\/(?!188$|2$)/.test(name));
    expect(current).toHaveLength(8);
    for (const name of current) {
      const file = path.join(log, name);
      const { size } = await stat(file);
      for (let i = 0; i < 12; i += 1) {
        const at = random.integer(0, size - 1);
        const restore = await flipped(file, at);
        expect((await check({ archive: null })).problems, `${name} at ${at}`).not.toEqual([]);
        await restore();
      }
    }
    expect(codes(await check())).toEqual([]);
  });

  it('finds a byte changed anywhere in an archived event', async () => {
    const segments = (await readdir(archive)).filter((name) => name.endsWith('.seg'));
    expect(segments.length).toBeGreaterThan(2);
    for (const name of segments) {
      const file = path.join(archive, name);
      const { size } = await stat(file);
      for (let i = 0; i < 5; i += 1) {
        // Behind the header, which only says what the name says.
        const restore = await flipped(file, random.integer(24, size - 1));
        expect(codes(await check())).toEqual(['events-missing']);
        await restore();
      }
    }
  });

  it('finds an event that was written anew, with a checksum that fits', async () => {
    const [segment = ''] = (await readdir(archive)).filter((name) => name.endsWith('.seg'));
    const file = path.join(archive, segment);
    const bytes = await readFile(file);
    const body = bytes.subarray(32, 32 + bytes.readUInt32BE(24));
    const digit = body.indexOf('"input_tokens":') + '"input_tokens":'.length;
    body[digit] = body[digit] === 0x31 ? 0x32 : 0x31;
    bytes.writeUInt32BE(crc32(body), 28);
    await writeFile(file, bytes);
    expect(codes(await check())).toEqual(['event-differs']);
  });

  it('finds a segment that is gone', async () => {
    await rm(path.join(archive, (await readdir(archive)).find((name) => name.endsWith('.seg')) ?? ''));
    expect(codes(await check())).toEqual(['events-missing']);
  });

  it('finds what is missing or too long', async () => {
    const bundle = path.join(log, 'tile', 'entries', '001');
    const bytes = await readFile(bundle);
    await rm(bundle);
    expect(codes(await check({ archive: null }))).toEqual(['entries-missing']);
    await writeFile(bundle, Buffer.concat([bytes, Buffer.of(0)]));
    expect(codes(await check({ archive: null }))).toEqual(['entries-malformed']);
    await writeFile(bundle, bytes);
    await rm(path.join(log, 'tile', '0', '001'));
    expect(codes(await check())).toEqual(['tile-missing']);
    await rm(path.join(log, CHECKPOINT_PATH));
    expect(codes(await check())).toEqual(['checkpoint-missing']);
  });

  it('takes a full tile for the partial one that gave way to it', async () => {
    await copyFile(path.join(archive, '..', 'kept'), path.join(log, CHECKPOINT_PATH));
    expect(await check({ archive: null })).toMatchObject({ size: 300, problems: [] });
  });

  it('finds a log that went back, and one that was rewritten and signed again', async () => {
    const now = await readFile(path.join(log, CHECKPOINT_PATH));
    await copyFile(path.join(archive, '..', 'kept'), path.join(log, CHECKPOINT_PATH));
    expect(codes(await check({ earlier: now }))).toEqual(['rolled-back']);
    // The same keys sign another history.
    const other = await openStand();
    try {
      const source = testSource(random, '/gateways/gw-1/e1');
      for (let i = 0; i < 400; i += 1) source.usage();
      await other.deliver(source.events);
      await LogWriter.begin({ ...other.writerOptions(), signers: stand.signers });
      await other.integrate({ signers: stand.signers });
      const files = logFiles(path.join(other.folder, 'log'), null);
      expect(codes(await check({ files, archive: null, earlier: null }))).toEqual([]);
      expect(codes(await check({ files, archive: null }))).toEqual(['forked']);
    } finally {
      await other.close();
    }
  });

  it('believes no other key, and no wrong signature beside a right one', async () => {
    const seed = random.bytes(32);
    const stranger = readLogSigners(
      formatSignerKey(ed25519Signer(stand.signers.origin, seed).key, seed),
      undefined,
    );
    expect(codes(await check({ keys: stranger.verifierKeys }))).toEqual(
      ['checkpoint-untrusted', 'checkpoint-untrusted'].slice(0, 1),
    );
    await expect(check({ keys: ['nonsense'] })).resolves.toMatchObject({
      problems: [{ code: 'checkpoint-untrusted' }],
    });
  });

  it('shares no code with the writer', () => {
    const imports = readdirSync(import.meta.dirname)
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .flatMap((name) => [
        ...readFileSync(path.join(import.meta.dirname, name), 'utf8').matchAll(/from '(.*)'/g),
      ])
      .map(([, from]) => from);
    const own = imports.filter((from) => from?.startsWith('.') || from?.startsWith('@tollgate'));
    expect([...new Set(own)].sort()).toEqual([
      '../config.ts',
      '../errors.ts',
      './archive-files.ts',
      './files.ts',
      './fsck.ts',
      './recount.ts',
      './signed-checkpoint.ts',
      '@tollgate/http',
    ]);
  });
});
