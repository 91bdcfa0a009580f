import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startLocalKafka } from '@tollgate/bus/local-kafka';
import { createLogger } from '@tollgate/telemetry';
import { freePort, until } from '@tollgate/testing';
import { KEY, MODELS, startGatewayProcess } from './gateway-process.ts';
import { closedLoop } from './http-load.ts';
import { InspectedProcess } from './inspected-process.ts';
import { startPinned } from './pinned-process.ts';
import { processCpuSeconds } from './process-cpu.ts';

const STREAMS = 10_000;

/** Files that a gateway has open besides its streams. */
const OTHER_FILES = 200;

/** Streams that are being opened at once. */
const OPENING = 64;

/** Streams before the first measurement, so that code and buffers that last are there. */
const WARM_UP = 500;

const PLAIN_CONNECTIONS = 16;
const PLAIN_MS = 3000;

/** How long the streams are left to themselves, to measure what they cost by the second. */
const ALONE_MS = 5000;

const SLOW_READERS = 50;

/** Until what the system itself takes in for callers that do not read is full. */
const SLOW_MS = 10_000;

const TIMEOUT_MS = 120_000;

/**
 * What many streams at once cost one gateway process: memory of each, what stays of it after they end, what an ordinary
 * call costs meanwhile, and what the gateway holds for callers that do not read.
 */
export async function benchStreams(args: readonly string[]): Promise<void> {
  const json = args.includes('--json');
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const wanted = numberAfter(args, '--streams') ?? STREAMS;
  const files = openFilesAllowed();
  const streams = Math.min(wanted, Math.floor((files - OTHER_FILES) / 2));
  if (streams < wanted) {
    say(
      `${files} open files are allowed here (ulimit -n), and a stream takes two: ${streams} streams, not ${wanted}`,
    );
  }
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-bench-'));
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const logger = createLogger({ service: 'bench', level: 'warn' });
    const brokers = process.env['KAFKA_BROKERS']?.split(',') ?? null;
    const local = brokers === null ? await startLocalKafka({ folder: join(folder, 'kafka'), logger }) : null;
    if (local !== null) stops.push(() => local.stop());
    const upstreamPort = await freePort();
    const upstreamUrl = `http://127.0.0.1:${upstreamPort}`;
    const upstream = await startPinned({
      args: [new URL('stream-upstream.ts', import.meta.url).pathname, String(upstreamPort)],
      env: {},
      core: null,
      readyUrl: `${upstreamUrl}/stats`,
    });
    stops.push(() => upstream.stop());
    const port = await freePort();
    const inspectPort = await freePort();
    const gateway = await startGatewayProcess({
      folder: join(folder, 'gateway'),
      port,
      core: null,
      upstreamUrl: `${upstreamUrl}/serving-endpoints`,
      upstreamToken: 'none',
      kafka: { brokers: brokers ?? local?.brokers ?? [], topicPrefix: `bench-${randomUUID().slice(0, 8)}.` },
      logger,
      nodeArgs: [`--inspect-port=${inspectPort}`],
    });
    stops.push(() => gateway.stop());
    const stats = async () => (await fetch(`${upstreamUrl}/stats`)).json() as Promise<UpstreamStats>;
    const end = () => fetch(`${upstreamUrl}/end`, { method: 'POST' });

    /** @param background what the streams cost anyway, in seconds of CPU per second */
    const plain = async (background = 0) => {
      const target = {
        port,
        path: '/v1/chat/completions',
        headers: { authorization: `Bearer ${KEY}` },
        body: bodyOf({}),
      };
      await closedLoop(target, PLAIN_CONNECTIONS, PLAIN_MS / 3);
      const before = processCpuSeconds(gateway.pid);
      const { requests } = await closedLoop(target, PLAIN_CONNECTIONS, PLAIN_MS);
      const spent = processCpuSeconds(gateway.pid) - before - (background * PLAIN_MS) / 1000;
      return (spent * 1000) / requests;
    };
    const run = async (count: number, meanwhile: () => Promise<void>) => {
      const open = await openStreams(port, count);
      await until(async () => (await stats()).open === count, { timeoutMs: TIMEOUT_MS });
      await meanwhile();
      await end();
      await Promise.all(open.map(({ ended }) => ended));
    };

    say(`warming up with ${WARM_UP} streams`);
    await plain();
    await run(WARM_UP, async () => {});
    const inspected = await InspectedProcess.of(gateway.pid, inspectPort);
    stops.push(async () => inspected.close());
    const alone = await plain();
    const before = await inspected.held();
    say(`before: ${before.heapMib.toFixed(1)} MiB held, ${before.residentMib.toFixed(0)} MiB resident`);
    let during = before;
    let among = 0;
    let background = 0;
    const cpuBefore = processCpuSeconds(gateway.pid);
    let openingCpu = 0;
    await run(streams, async () => {
      openingCpu = processCpuSeconds(gateway.pid) - cpuBefore;
      during = await inspected.held();
      say(
        `${streams} open: ${during.heapMib.toFixed(1)} MiB held, ${during.residentMib.toFixed(0)} MiB resident`,
      );
      const from = processCpuSeconds(gateway.pid);
      await delay(ALONE_MS);
      background = (processCpuSeconds(gateway.pid) - from) / (ALONE_MS / 1000);
      among = await plain(background);
    });
    // Until the upstream's connections have lain idle for as long as they are kept.
    let after = await inspected.held();
    await until(
      async () => {
        after = await inspected.held();
        return after.heapMib < before.heapMib * 1.1;
      },
      { timeoutMs: TIMEOUT_MS, intervalMs: 2000 },
    ).catch(() => say('what is held did not fall to within a tenth of what it was'));
    say(`after: ${after.heapMib.toFixed(1)} MiB held, ${after.residentMib.toFixed(0)} MiB resident`);

    const slow = await openSlow(port, SLOW_READERS);
    await delay(SLOW_MS);
    const { floodBytes } = await stats();
    const slowHeld = await inspected.held();
    for (const socket of slow) socket.destroy();

    const figures = {
      streams,
      open_files_allowed: files,
      kib_held_per_stream: round(((during.heapMib - before.heapMib) * 1024) / streams),
      kib_resident_per_stream: round(((during.residentMib - before.residentMib) * 1024) / streams),
      cpu_ms_per_stream_opened: round((openingCpu * 1000) / streams, 3),
      cpu_seconds_per_second_open: round(background, 3),
      held_mib: { before: round(before.heapMib), during: round(during.heapMib), after: round(after.heapMib) },
      resident_mib: {
        before: round(before.residentMib),
        during: round(during.residentMib),
        after: round(after.residentMib),
      },
      cpu_ms_per_plain_call: { alone: round(alone, 3), among_streams: round(among, 3) },
      slow_readers: {
        callers: SLOW_READERS,
        kib_taken_per_caller: round(floodBytes / SLOW_READERS / 1024),
        kib_held_per_caller: round(((slowHeld.heapMib - after.heapMib) * 1024) / SLOW_READERS),
      },
      node: process.version,
    };
    process.stdout.write(json ? `${JSON.stringify(figures)}\n` : table(figures));
  } finally {
    for (const stop of stops.toReversed()) await stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface UpstreamStats {
  readonly open: number;
  readonly floodBytes: number;
}

function bodyOf(more: object): string {
  const content = 'Which invoices of last month are still open, and what do they add up to? '.repeat(3);
  return JSON.stringify({ model: MODELS.relaxed, messages: [{ role: 'user', content }], ...more });
}

function requestOf(body: string): string {
  return `POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${KEY}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

interface OpenStream {
  /** Resolves at the end of the stream. */
  readonly ended: Promise<void>;
}

/** Opens streams, some at a time; each is open once its first chunk is here. */
async function openStreams(port: number, count: number): Promise<OpenStream[]> {
  const request = requestOf(bodyOf({ stream: true }));
  const open: OpenStream[] = [];
  let left = count;
  const opener = async () => {
    while (left > 0) {
      left -= 1;
      open.push(await openStream(port, request));
    }
  };
  await Promise.all(Array.from({ length: OPENING }, opener));
  return open;
}

function openStream(port: number, request: string): Promise<OpenStream> {
  const { promise: ended, resolve: end, reject: fail } = Promise.withResolvers<void>();
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.write(request);
    let tail = '';
    socket.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString('latin1')).slice(-1000);
      if (tail.includes('HTTP/1.1') && !tail.includes('HTTP/1.1 200')) reject(new Error(tail));
      if (tail.includes('data: {')) resolve({ ended });
      if (!tail.includes('data: [DONE]')) return;
      socket.destroy();
      end();
    });
    socket.on('error', (error) => {
      reject(error);
      fail(error);
    });
    socket.on('close', () => fail(new Error('a stream ended before its end')));
  });
}

/** Callers that ask for a flood and read nothing of it. */
async function openSlow(port: number, count: number): Promise<Socket[]> {
  const request = requestOf(bodyOf({ stream: true, flood: true }));
  return Array.from({ length: count }, () => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.pause();
    socket.write(request);
    return socket;
  });
}

/** Of a process started from here. */
function openFilesAllowed(): number {
  const report: unknown = process.report.getReport();
  const limits = member(member(report, 'userLimits'), 'open_files');
  const soft = Number(member(limits, 'soft'));
  return Number.isNaN(soft) ? Number.POSITIVE_INFINITY : soft;
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function numberAfter(args: readonly string[], flag: string): number | null {
  const at = args.indexOf(flag);
  return at < 0 ? null : Number(args[at + 1]);
}

function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

function table(figures: {
  readonly streams: number;
  readonly kib_held_per_stream: number;
  readonly kib_resident_per_stream: number;
  readonly cpu_ms_per_stream_opened: number;
  readonly cpu_seconds_per_second_open: number;
  readonly held_mib: Readonly<Record<string, number>>;
  readonly resident_mib: Readonly<Record<string, number>>;
  readonly cpu_ms_per_plain_call: { readonly alone: number; readonly among_streams: number };
  readonly slow_readers: {
    readonly callers: number;
    readonly kib_taken_per_caller: number;
    readonly kib_held_per_caller: number;
  };
}): string {
  const { held_mib: held, resident_mib: resident, cpu_ms_per_plain_call: call, slow_readers: slow } = figures;
  return `${[
    `${figures.streams} streams at once on one gateway process`,
    `  per stream       ${figures.kib_held_per_stream} KiB held, ${figures.kib_resident_per_stream} KiB resident, ${figures.cpu_ms_per_stream_opened} ms CPU to open`,
    `  all of them      ${figures.cpu_seconds_per_second_open} s CPU a second, with a chunk on each every 5 s`,
    `  held             ${held['before']} MiB before, ${held['during']} MiB during, ${held['after']} MiB after`,
    `  resident         ${resident['before']} MiB before, ${resident['during']} MiB during, ${resident['after']} MiB after`,
    `  an ordinary call ${call.alone} ms CPU alone, ${call.among_streams} ms among the streams, without what those cost anyway`,
    `  a flood to each of ${slow.callers} callers that read nothing: ${slow.kib_held_per_caller} KiB held per caller, of ${slow.kib_taken_per_caller} KiB taken from the upstream (the rest lies in the system's socket buffers)`,
  ].join('\n')}\n`;
}
