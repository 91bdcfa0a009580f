import { execFile } from 'node:child_process';
import { copyFile, cp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { goProgram, seededRandom, temporaryFolder } from '@tollgate/testing';
import { CHECKPOINT_PATH, ed25519Signer, formatSignerKey } from '@tollgate/transparency-log';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testApi } from '../testing/api.ts';
import { testSource } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { readLogSigners } from './log-signers.ts';

const MODULE = path.join(
  import.meta.dirname,
  '..',
  '..',
  '..',
  '..',
  'test',
  'conformance',
  'transparency-log',
);
const BUILD_TIMEOUT_MS = 310_000;
const TIMEOUT_MS = 60_000;
const random = seededRandom(96);
/** Two levels of tiles, unfilled both. */
const EVENTS = 1_300;

let stand: Stand;
let program: Awaited<ReturnType<typeof goProgram>>;
/** A copy of the log, for a test to spoil. */
let log = '';
let kept = '';
let key = '';

beforeAll(async () => {
  program = await goProgram(MODULE, './verify');
  stand = await openStand();
  const source = testSource(random, '/gateways/gw-1/e1');
  for (let i = 0; i < EVENTS; i += 1) source.usage();
  await stand.deliver(source.events.slice(0, 500));
  await stand.integrate({ maxBatch: 170 });
  kept = path.join(temporaryFolder('log-kept'), CHECKPOINT_PATH);
  await copyFile(path.join(stand.folder, 'log', CHECKPOINT_PATH), kept);
  await stand.deliver(source.events.slice(500));
  await stand.integrate({ maxBatch: 170 });
  key = stand.signers.verifierKeys[0] ?? '';
}, BUILD_TIMEOUT_MS);
afterAll(() => stand?.close());

beforeEach(async (context) => {
  if ('lack' in program) context.skip(program.lack);
  log = path.join(temporaryFolder('log-copy'), 'log');
  await cp(path.join(stand.folder, 'log'), log, { recursive: true });
});

/** What Go's x/mod and Tessera say of a log. */
async function judged(place = log, options: Readonly<Record<string, string>> = {}): Promise<string> {
  if ('lack' in program) return program.lack;
  const flags = Object.entries({ log: place, key, since: kept, ...options });
  try {
    const { stdout } = await promisify(execFile)(
      program.file,
      flags.map(([name, value]) => `-${name}=${value}`),
      { timeout: TIMEOUT_MS },
    );
    return stdout.trim();
  } catch (error) {
    return String(error instanceof Error ? Reflect.get(error, 'stdout') : error).trim();
  }
}

async function flip(name: string): Promise<void> {
  const bytes = await readFile(path.join(log, name));
  const at = random.integer(0, bytes.length - 1);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.integer(0, 7));
  await writeFile(path.join(log, name), bytes);
}

describe("Go's x/mod and Tessera", { timeout: TIMEOUT_MS }, () => {
  it('accept the log from files, and that it goes on from an earlier checkpoint', async () => {
    expect(await judged()).toMatch(new RegExp(`^accepted: ${EVENTS} entries`));
  });

  it('accept it over HTTP', async () => {
    const api = testApi(stand);
    const { url } = await api.http.listen({ host: '127.0.0.1', port: 0 });
    try {
      const token = api.token({ scopes: ['log:read'] });
      expect(await judged(`${url}/log/`, { token })).toMatch(/^accepted/);
      expect(await judged(`${url}/log/`, { token: 'tgs_other' })).toMatch(/^refused/);
    } finally {
      await api.http.stop();
    }
  });

  it.each([
    CHECKPOINT_PATH,
    'tile/0/000',
    'tile/0/005.p/20',
    'tile/1/000.p/5',
    'tile/entries/003',
    'tile/entries/005.p/20',
  ])('refuse it after a flipped bit in %s', async (name) => {
    await flip(name);
    expect(await judged()).toMatch(/^refused/);
  });

  it('refuse it without its tail', async () => {
    await rm(path.join(log, 'tile', 'entries', '005.p'), { recursive: true });
    expect(await judged()).toMatch(/^refused/);
  });

  it('refuse it when it went back to an older checkpoint than the one kept', async () => {
    const newest = path.join(temporaryFolder('log-newest'), CHECKPOINT_PATH);
    await rename(path.join(log, CHECKPOINT_PATH), newest);
    await copyFile(kept, path.join(log, CHECKPOINT_PATH));
    expect(await judged(log, { since: newest })).toMatch(/^refused/);
  });

  it('refuse an entry that was rewritten, with everything else as it was', async () => {
    const file = path.join(log, 'tile', 'entries', '001');
    const bundle = await readFile(file);
    const length = bundle.readUInt16BE(0);
    // The digest of the first event.
    bundle.fill(7, 2 + length - 32, 2 + length);
    await writeFile(file, bundle);
    expect(await judged()).toMatch(/^refused/);
  });

  it('refuse a foreign key', async () => {
    const seed = random.bytes(32);
    const other = readLogSigners(
      formatSignerKey(ed25519Signer(stand.signers.origin, seed).key, seed),
      undefined,
    );
    expect(await judged(log, { key: other.verifierKeys[0] ?? '' })).toMatch(/^refused/);
  });

  it('refuse a fork: another history under the same key, against the checkpoint kept', async () => {
    const fork = await openStand();
    try {
      const source = testSource(random, '/gateways/gw-1/e1');
      for (let i = 0; i < 600; i += 1) source.usage();
      await fork.deliver(source.events);
      await fork.integrate({ signers: stand.signers });
      const place = path.join(fork.folder, 'log');
      expect(await judged(place, { since: '' })).toMatch(/^accepted: 600/);
      expect(await judged(place)).toMatch(/^refused/);
    } finally {
      await fork.close();
    }
  });
});
