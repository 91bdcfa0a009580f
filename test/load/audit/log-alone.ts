import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openFileTiles } from '@tollgate/audit';
import { goProgram } from '@tollgate/testing';
import {
  ed25519Signer,
  emptyLog,
  growLog,
  rootOf,
  signCheckpoint,
  type WrittenResource,
} from '@tollgate/transparency-log';

export const ENTRY_BYTES = 300;
const BATCH = 1_024;
/** As the service publishes. */
const CHECKPOINT_INTERVAL_MS = 200;
/** Files that wait while others are written: as the service's publisher. */
const MAX_WAITING = 1_024;
const PARTIAL_SUFFIX = /\.p\/\d+$/;
const MODULE = join(import.meta.dirname, '..', '..', 'conformance', 'transparency-log');

/** What appending took, until the last entry was durable and under a published checkpoint. */
export interface Appended {
  readonly entries: number;
  readonly seconds: number;
  readonly cpu_seconds: number;
}

/** The log alone, without Postgres: entries into durable tiles and bundles, checkpoints as the service signs them. */
export async function appendOurs(folder: string, entries: number): Promise<Appended> {
  const tiles = await openFileTiles(folder);
  const signer = ed25519Signer('bench.example/log', randomBytes(32));
  const batches = batchesOf(entries);
  const cpu = process.cpuUsage();
  const beganMs = performance.now();
  let edge = emptyLog;
  let waiting = new Map<string, WrittenResource>();
  let writing: Promise<void> | null = null;
  let publishedMs = beganMs;

  async function write(): Promise<void> {
    while (waiting.size > 0) {
      const resources = [...waiting.values()];
      waiting = new Map();
      const { tree } = edge;
      await tiles.write(resources);
      await tiles.discardPartials(resources);
      if (performance.now() - publishedMs < CHECKPOINT_INTERVAL_MS) continue;
      publishedMs = performance.now();
      await publish(tree);
    }
    writing = null;
  }

  async function publish(tree: typeof edge.tree): Promise<void> {
    const checkpoint = { origin: 'bench.example/log', size: tree.size, root: rootOf(tree), extensions: [] };
    await tiles.writeCheckpoint(signCheckpoint(checkpoint, [signer]));
  }

  for (const batch of batches) {
    const grown = growLog(edge, batch);
    edge = grown.edge;
    for (const each of grown.written) waiting.set(each.path.replace(PARTIAL_SUFFIX, ''), each);
    writing ??= write();
    if (waiting.size > MAX_WAITING) await writing;
    // The disk is asked and answers between batches, as between those of a database.
    else await new Promise(setImmediate);
  }
  while (writing !== null) await writing;
  await publish(edge.tree);
  const seconds = (performance.now() - beganMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { entries, seconds, cpu_seconds: (user + system) / 1e6 };
}

/** Tessera's POSIX log with 2,048 writers; null where there is no Go to build it with. */
export async function tessera(): Promise<((folder: string, entries: number) => Promise<Appended>) | string> {
  const program = await goProgram(MODULE, './tessera-load');
  if ('lack' in program) return program.lack;
  return async (folder, entries) => {
    mkdirSync(folder);
    const flags = [`-folder=${folder}`, `-entries=${entries}`, `-bytes=${ENTRY_BYTES}`, `-batch=${BATCH}`];
    const { stdout } = await promisify(execFile)(program.file, flags);
    return JSON.parse(stdout);
  };
}

/** Made before the clock starts, as Tessera's load has them. */
function batchesOf(entries: number): Buffer[][] {
  const pool = randomBytes(ENTRY_BYTES * BATCH);
  const batches: Buffer[][] = [];
  for (let from = 0; from < entries; from += BATCH) {
    const count = Math.min(BATCH, entries - from);
    batches.push(
      Array.from({ length: count }, (_, n) => pool.subarray(n * ENTRY_BYTES, (n + 1) * ENTRY_BYTES)),
    );
  }
  return batches;
}
