/**
 * What an append and a commit cost: `node src/spool/spool.bench.ts`. Single-threaded; CPU is of the whole process.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../clock.ts';
import { EventLog } from './event-log.ts';
import { SegmentStore } from './segment-store.ts';

const EVENT = 'tollgate.usage.v1';
const EVENT_BYTES = 1100;

function openLog(folder: string): EventLog {
  mkdirSync(folder, { recursive: true });
  const limits = { segmentBytes: 16 << 20, maxBytes: 1 << 30, retainMs: 0, retainBytes: 0 };
  const store = new SegmentStore(folder, limits, { segments: [], spares: [], nextIndex: 0 });
  const log = new EventLog({
    source: '/gateways/bench/0',
    store,
    clock: systemClock,
    window: { fromPerSecond: 300, maxMs: 2 },
    lazyMs: 25,
    waitMs: 5000,
    salt: () => 7,
  });
  log.followedBy({
    // As if the broker took everything at once.
    durable: () => {
      log.acknowledged(log.durable.position);
      void store.tend(log.durable.position, systemClock.monotonic());
    },
    urgent: () => {},
  });
  return log;
}

async function measure(
  name: string,
  times: number,
  work: (i: number) => void | Promise<void>,
): Promise<void> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let i = 0; i < times; i += 1) {
    const pending = work(i);
    if (pending !== undefined) await pending;
  }
  const wall = ((performance.now() - start) * 1000) / times;
  const used = process.cpuUsage(cpu);
  const cpuUs = (used.user + used.system) / times;
  process.stdout.write(`${name.padEnd(44)} wall ${wall.toFixed(2)} us   cpu ${cpuUs.toFixed(2)} us\n`);
}

const folder = mkdtempSync(join(tmpdir(), 'tollgate-spool-bench-'));
try {
  const log = openLog(join(folder, 'spool'));
  const json = `{"filler":"${'x'.repeat(EVENT_BYTES - 13)}"}`;
  const disk = (): Promise<void> =>
    new Promise((resolve, reject) =>
      log.after('disk', log.head, (error) => (error === null ? resolve() : reject(error))),
    );
  for (let i = 0; i < 20_000; i += 1) log.append(EVENT, json);
  await disk();
  await measure('append, 1.1 KB (with its share of writes)', 100_000, () => {
    log.append(EVENT, json);
  });
  await disk();
  await measure('append + flush', 20_000, () => {
    log.append(EVENT, json);
    log.flush();
  });
  await disk();
  await measure('two appends + commit, one at a time', 2000, () => {
    log.append(EVENT, json);
    log.append(EVENT, json);
    return disk();
  });
  const syncs = log.syncs;
  await measure('request: 2 appends, disk, append, flush (x64)', 300, async () => {
    const one = async (): Promise<void> => {
      log.append(EVENT, json);
      log.append(EVENT, json);
      await disk();
      log.append(EVENT, json);
      log.flush();
    };
    await Promise.all(Array.from({ length: 64 }, one));
  });
  process.stdout.write(
    `  (64 requests a round; ${((log.syncs - syncs) / 300).toFixed(2)} commits a round)\n`,
  );
  await log.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
