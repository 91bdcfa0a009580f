import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom, until } from '@tollgate/testing';
import {
  CHECKPOINT_PATH,
  leafHash,
  openCheckpoint,
  proveConsistency,
  proveInclusion,
  readEntry,
  readVerifier,
  verifyConsistency,
  verifyInclusion,
} from '@tollgate/transparency-log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { logFiles } from '../fsck/files.ts';
import { fsck } from '../fsck/fsck.ts';
import { type TestSource, testSource } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { readPublication } from '../tree/publication.ts';

const SOAK = process.env['TOLLGATE_SOAK'] === '1';
const SEED = Number(process.env['TOLLGATE_SEED'] ?? (SOAK ? Date.now() % 1_000_000 : 61));
const ROUNDS = SOAK ? 200 : 20;
const EVENTS_PER_ROUND = 250;
const REPEATED_PER_ROUND = 40;
const TIMEOUT_MS = SOAK ? 1_800_000 : 180_000;
const CATCH_UP_MS = 60_000;
const CHILD = path.join(import.meta.dirname, '..', 'testing', 'integrator-process.ts');

let stand: Stand;
const children = new Set<ChildProcess>();
beforeEach(async () => {
  stand = await openStand();
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await stand.close();
});

function integratorProcess(): ChildProcess {
  const url = stand.database.urlFor('audit');
  const child = spawn(process.execPath, [CHILD, url, stand.folder, '60'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  children.add(child);
  return child;
}

/** Looks at the log as an outsider does, over and over: the checkpoint, that the last one is its ancestor, an entry. */
class Outsider {
  checks = 0;
  #last: { readonly size: bigint; readonly root: Uint8Array } | null = null;
  readonly #stop = new AbortController();
  readonly #working: Promise<void>;

  constructor(random: { integer(low: number, high: number): number }) {
    this.#working = this.#work(random);
    // Shown by `end`.
    this.#working.catch(() => {});
  }

  async #work(random: { integer(low: number, high: number): number }): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#look(random);
      await sleep(3);
    }
  }

  async #look(random: { integer(low: number, high: number): number }): Promise<void> {
    const note = await stand.tiles.read(CHECKPOINT_PATH);
    if (note === undefined) return;
    const { origin, verifierKeys } = stand.signers;
    const { checkpoint } = openCheckpoint(Buffer.from(note).toString(), {
      origin,
      logKeys: verifierKeys.map(readVerifier),
    });
    const { size, root } = checkpoint;
    const last = this.#last;
    if (last !== null && last.size > size) throw new Error(`the log went back from ${last.size} to ${size}`);
    if (last !== null) {
      const proof = await proveConsistency(stand.tiles, last.size, size);
      if (!verifyConsistency(last.size, size, proof, last.root, root)) {
        throw new Error(`the checkpoint of ${last.size} is no ancestor of that of ${size}`);
      }
    }
    const index = BigInt(random.integer(0, Number(size) - 1));
    const entry = await readEntry(stand.tiles, index, size);
    const proof = await proveInclusion(stand.tiles, index, size);
    if (!verifyInclusion(index, size, leafHash(entry), proof, root))
      throw new Error(`entry ${index} of ${size}`);
    this.#last = { size, root };
    this.checks += 1;
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#working;
  }
}

describe(`the log under the hammer (seed ${SEED})`, () => {
  it('holds the exact set of events in one history, whoever is killed, whatever comes twice or late', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const random = seededRandom(SEED);
    const sources = ['gw-1', 'gw-2', 'gw-3'].map((name) => testSource(random, `/gateways/${name}/e1`));
    const outsider = new Outsider(random);
    const running = [integratorProcess(), integratorProcess()];
    let late: Buffer[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = sources.map(({ events }) => events.length);
      for (let i = 0; i < EVENTS_PER_ROUND; i += 1) random.pick<TestSource>(sources).usage();
      const fresh = sources.flatMap(({ events }, nth) => events.slice(before[nth]));
      const all = sources.flatMap(({ events }) => events);
      const some = random.shuffle(all).slice(0, REPEATED_PER_ROUND);
      const coming = random.shuffle([...fresh, ...some, ...late]);
      late = coming.splice(0, random.integer(0, 30));
      for (let at = 0; at < coming.length; at += 70) {
        await stand.deliver(coming.slice(at, at + 70));
        await sleep(random.integer(0, 10));
      }
      await sleep(random.integer(0, 150));
      // Whichever it is: the one that writes or the one that waits for its turn.
      const victim = random.integer(0, 1);
      const child = running[victim];
      child?.kill('SIGKILL');
      if (child !== undefined && child.signalCode === null) await once(child, 'exit');
      running[victim] = integratorProcess();
      if (round % 10 === 9) await stand.assertWhole();
    }
    await stand.deliver(late);
    const all = sources.flatMap(({ events }) => events);
    await until(async () => (await readPublication(stand.pool))?.size === all.length, {
      timeoutMs: CATCH_UP_MS,
    });
    await outsider.end();
    expect(outsider.checks, 'it looked while the log was written').toBeGreaterThan(ROUNDS);
    expect(await stand.assertWhole()).toBe(all.length);
    const archived = (await stand.archived()).map(({ bytes }) => bytes.toString()).sort();
    expect(archived).toEqual(all.map((bytes) => bytes.toString()).sort());
    const report = await fsck({
      files: logFiles(path.join(stand.folder, 'log'), null),
      keys: stand.signers.verifierKeys,
      earlier: null,
      archive: stand.folder,
    });
    expect(report).toMatchObject({ size: all.length, events: all.length, problems: [] });
  });
});
