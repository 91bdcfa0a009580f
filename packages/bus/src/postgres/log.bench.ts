/**
 * What the embedded bus costs: events per second published and consumed with effects, CPU per event of our process
 * and of Postgres, latency from publish to effect, and CPU while nothing happens. Durable: Postgres syncs to disk.
 *
 *   node packages/bus/src/postgres/log.bench.ts [--events 100000] [--batch 500] [--json]
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { migrate, openPool } from '@tollgate/database';
import { startEmbeddedPostgres } from '@tollgate/database/embedded';
import { parseEvent, TOPICS } from '@tollgate/events';
import { createLogger } from '@tollgate/telemetry';
import { temporaryFolder, until } from '@tollgate/testing';
import type { OutgoingMessage } from '../bus.ts';
import { effectsOf } from '../contract/effects.ts';
import { sampleEvents } from '../contract/events.ts';
import { contractMigrations } from '../contract/index.ts';
import { busMigrations } from '../migrations.ts';
import { createPostgresBus } from './bus.ts';
import { initEmbeddedBus } from './init.ts';

const EVENT_BYTES = 700;
const LATENCY_ROUNDS = 200;
const IDLE_MS = 10_000;
const TICKS_PER_SECOND = 100;
const ROLE = 'bus_bench';

const { values: flags } = parseArgs({
  options: {
    events: { type: 'string', default: '100000' },
    batch: { type: 'string', default: '500' },
    json: { type: 'boolean', default: false },
  },
});
const total = Number(flags.events);
const batchSize = Number(flags.batch);

const server = await startEmbeddedPostgres({ dataFolder: temporaryFolder('bus-bench') });
try {
  process.stdout.write(report(await measure()));
} finally {
  await server.destroy();
}

async function measure() {
  const rolePassword = 'bench';
  await migrate({
    ownerUrl: server.url,
    schema: ROLE,
    role: ROLE,
    rolePassword,
    sets: [busMigrations, contractMigrations],
  });
  await initEmbeddedBus({ ownerUrl: server.url, roles: [{ role: ROLE, writes: TOPICS }] });
  const url = new URL(server.url);
  url.username = ROLE;
  url.password = rolePassword;
  const logger = createLogger({ service: 'bench', level: 'warn' });
  const pool = openPool({ url: url.href, applicationName: 'bench' });
  const bus = createPostgresBus({ url: url.href }, { logger });
  const publisher = await bus.createPublisher();
  try {
    const batches = Array.from({ length: Math.ceil(total / batchSize) }, () => messages(batchSize));
    const publishing = await measured(batches.length * batchSize, async () => {
      for (const batch of batches) await publisher.publish(batch);
    });

    let handled = 0;
    const arrivals = new Map<string, () => void>();
    const consumer = { group: 'bench', topics: ['requests', 'decisions', 'usage', 'sources'] as const };
    let consumingStarted = false;
    const consuming = await measured(batches.length * batchSize, async () => {
      await bus.consume({
        ...consumer,
        pool,
        parse: parseEvent,
        async handle(batch, tx) {
          await effectsOf('bench')(batch, tx);
          handled += batch.messages.length;
          if (consumingStarted) for (const { event } of batch.messages) arrivals.get(event.id)?.();
        },
      });
      await until(() => handled >= batches.length * batchSize, { timeoutMs: 600_000 });
    });
    consumingStarted = true;

    const latenciesMs: number[] = [];
    for (let round = 0; round < LATENCY_ROUNDS; round += 1) {
      await sleep(30 + (round % 7));
      const [event] = sampleEvents(1);
      if (event === undefined) continue;
      const arrived = new Promise<void>((resolve) => arrivals.set(event.id, resolve));
      const started = performance.now();
      await publisher.publish([{ topic: 'requests', key: 'key', value: event.value }]);
      await arrived;
      latenciesMs.push(performance.now() - started);
    }
    latenciesMs.sort((a, b) => a - b);

    await sleep(2_000);
    const [ours, theirs] = [process.cpuUsage(), serverCpuSeconds()];
    await sleep(IDLE_MS);
    const idle = {
      process_cpu_percent: (secondsOf(process.cpuUsage(ours)) / IDLE_MS) * 100_000,
      postgres_cpu_percent: ((serverCpuSeconds() - theirs) / IDLE_MS) * 100_000,
    };
    return {
      events: batches.length * batchSize,
      event_bytes: EVENT_BYTES,
      batch: batchSize,
      publishing,
      consuming,
      latency_p50_ms: latenciesMs[Math.floor(latenciesMs.length / 2)] ?? 0,
      latency_p99_ms: latenciesMs[Math.floor(latenciesMs.length * 0.99)] ?? 0,
      idle,
    };
  } finally {
    await bus.close();
    await pool.end();
  }
}

async function measured(events: number, work: () => Promise<void>) {
  const [ours, theirs, started] = [process.cpuUsage(), serverCpuSeconds(), performance.now()];
  await work();
  const seconds = (performance.now() - started) / 1000;
  return {
    events_per_second: Math.round(events / seconds),
    process_cpu_us_per_event: (secondsOf(process.cpuUsage(ours)) / events) * 1e6,
    postgres_cpu_us_per_event: ((serverCpuSeconds() - theirs) / events) * 1e6,
  };
}

function messages(count: number): OutgoingMessage[] {
  return sampleEvents(count).map(({ value }) => {
    const text = value.toString();
    const padding = 'x'.repeat(Math.max(0, EVENT_BYTES - text.length - '"padding":"",'.length));
    return {
      topic: 'requests',
      key: '0190b6f0-0000-7000-8000-000000000000',
      value: Buffer.from(text.replace('"data":{', `"data":{"padding":"${padding}",`)),
    };
  });
}

function secondsOf(usage: NodeJS.CpuUsage): number {
  return (usage.user + usage.system) / 1e6;
}

/** Of the server and its processes, those that have ended included (proc(5)). */
function serverCpuSeconds(): number {
  let ticks = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const number = (index: number) => Number(fields[index - 3]);
      if (Number(pid) === server.pid) ticks += number(14) + number(15) + number(16) + number(17);
      else if (number(4) === server.pid) ticks += number(14) + number(15);
    } catch {
      // It has ended in between.
    }
  }
  return ticks / TICKS_PER_SECOND;
}

function report(figures: Awaited<ReturnType<typeof measure>>): string {
  const rounded = (_key: string, value: unknown) =>
    typeof value === 'number' ? Math.round(value * 100) / 100 : value;
  return `${JSON.stringify(figures, rounded, flags.json ? undefined : 2)}\n`;
}
