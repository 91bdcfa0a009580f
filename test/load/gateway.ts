import { MODELS } from './gateway-process.ts';
import { closedLoop, type LoadTarget, median, openLoop } from './http-load.ts';
import { type Measured, type MeasuredProxy, measured, numberAfter, startBench } from './proxies.ts';
import { startVaultStub } from './vault-stub.ts';

type Level = keyof typeof MODELS;

/** Paired rounds of the closed loop and of the open one. */
const CLOSED_ROUNDS = 8;
const OPEN_ROUNDS = 4;
const ROUND_MS = 3000;
/** Until the compiler has done its work: some 40,000 requests. */
const WARM_UP_MS = 10_000;
const CONNECTIONS = 64;
const OPEN_PER_SECOND = 500;
const OPEN_UPSTREAM_MS = 20;
const OPEN_CONNECTIONS = 128;
const OUTPUT_TOKENS = 200;

/** The targets; issue and documentation name them. */
const MAX_CLOSED_RATIO = 1.5;
const MAX_OPEN_RATIO = 1.8;
const MAX_CAPTURED_RATIO = 2.5;

/**
 * CPU per request of one gateway process, all its threads and its publisher included, against a bare proxy on the
 * same core and upstream, in interleaved rounds; and what it adds to the latency at a steady rate.
 */
export async function benchGateway(args: readonly string[]): Promise<void> {
  const json = args.includes('--json');
  const profile = args.includes('--cpu-prof');
  const rounds = numberAfter(args, '--rounds') ?? CLOSED_ROUNDS;
  const openRounds = numberAfter(args, '--open-rounds') ?? OPEN_ROUNDS;
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const bench = await startBench(say);
  const vault = await startVaultStub();
  try {
    const { floor, pinned } = bench;
    const nodeArgs = profile ? ['--cpu-prof', `--cpu-prof-dir=${process.cwd()}`] : [];
    const gateway = await bench.startGateway('gateway', { nodeArgs });
    for (const proxy of [floor, gateway]) await closed(proxy, 'disk', WARM_UP_MS);
    const closedPairs = await pairs(rounds, say, floor, gateway, 'disk', (proxy, level) =>
      closed(proxy, level, ROUND_MS),
    );
    const capturing = await bench.startGateway('capturing', { vaultUrl: vault.url, nodeArgs });
    await closed(capturing, 'disk', WARM_UP_MS);
    const capturedPairs = await pairs(openRounds, say, floor, capturing, 'disk', (proxy, level) =>
      closed(proxy, level, ROUND_MS),
    );
    if (vault.payloads === 0) throw new Error('nothing of what was captured arrived');
    for (const proxy of [floor, gateway]) await open(proxy, 'disk', WARM_UP_MS);
    const openPairs = new Map<Level, readonly Pair[]>();
    for (const level of ['relaxed', 'disk', 'broker'] as const) {
      openPairs.set(
        level,
        await pairs(openRounds, say, floor, gateway, level, (proxy, each) => open(proxy, each, ROUND_MS)),
      );
    }
    report(json, pinned, closedPairs, capturedPairs, openPairs);
  } finally {
    await bench.stop();
    await vault.stop();
  }
}

interface Pair {
  readonly floor: Measured;
  readonly gateway: Measured;
}

/** Rounds of both, interleaved; which comes first alternates. */
async function pairs(
  rounds: number,
  say: (line: string) => void,
  floor: MeasuredProxy,
  gateway: MeasuredProxy,
  level: Level,
  measure: (proxy: MeasuredProxy, level: Level) => Promise<Measured>,
): Promise<Pair[]> {
  const all: Pair[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const gatewayFirst = round % 2 === 1;
    const early = gatewayFirst ? await measure(gateway, level) : null;
    const floored = await measure(floor, level);
    const gated = early ?? (await measure(gateway, level));
    all.push({ floor: floored, gateway: gated });
    say(
      `${level} ${round + 1}/${rounds}: floor ${floored.cpuMsPerRequest.toFixed(4)} ms ${floored.perSecond.toFixed(0)}/s, gateway ${gated.cpuMsPerRequest.toFixed(4)} ms ${gated.perSecond.toFixed(0)}/s, ratio ${(gated.cpuMsPerRequest / floored.cpuMsPerRequest).toFixed(2)}`,
    );
  }
  return all;
}

function target(proxy: MeasuredProxy, level: Level, latencyMs: number): LoadTarget {
  return {
    port: proxy.port,
    path: '/v1/chat/completions',
    headers: proxy.headers,
    body: JSON.stringify({
      model: MODELS[level],
      messages: [
        { role: 'system', content: 'You are a helpful assistant that answers questions about invoices.' },
        {
          role: 'user',
          content: 'Which invoices of last month are still open, and what do they add up to? '.repeat(3),
        },
      ],
      max_tokens: OUTPUT_TOKENS,
      temperature: 0.2,
      ...(latencyMs === 0 ? {} : { simulated: { latency_ms: latencyMs } }),
    }),
  };
}

async function closed(proxy: MeasuredProxy, level: Level, durationMs: number): Promise<Measured> {
  return measured(proxy, durationMs, (ms) => closedLoop(target(proxy, level, 0), CONNECTIONS, ms));
}

async function open(proxy: MeasuredProxy, level: Level, durationMs: number): Promise<Measured> {
  const load = target(proxy, level, OPEN_UPSTREAM_MS);
  return measured(proxy, durationMs, (ms) => openLoop(load, OPEN_PER_SECOND, ms, OPEN_CONNECTIONS));
}

function report(
  json: boolean,
  pinned: boolean,
  closedPairs: readonly Pair[],
  capturedPairs: readonly Pair[],
  openPairs: ReadonlyMap<Level, readonly Pair[]>,
): void {
  const ratio = (all: readonly Pair[]) =>
    median(all.map(({ floor, gateway }) => gateway.cpuMsPerRequest / floor.cpuMsPerRequest));
  const added = (all: readonly Pair[], what: 'p50Ms' | 'p99Ms') =>
    median(all.map(({ floor, gateway }) => gateway[what] - floor[what]));
  const of = (all: readonly Pair[], who: 'floor' | 'gateway', what: keyof Measured) =>
    median(all.map((pair) => pair[who][what]));
  const latency = Object.fromEntries(
    [...openPairs].map(([level, all]) => [
      level,
      {
        process_cpu_ratio_to_floor: round(ratio(all)),
        added_p50_ms: round(added(all, 'p50Ms')),
        added_p99_ms: round(added(all, 'p99Ms')),
        floor_p50_ms: round(of(all, 'floor', 'p50Ms')),
        floor_p99_ms: round(of(all, 'floor', 'p99Ms')),
      },
    ]),
  );
  const figures = {
    process_cpu_ratio_to_floor: round(ratio(closedPairs)),
    target: MAX_CLOSED_RATIO,
    rounds: closedPairs.length,
    ratios: closedPairs.map(({ floor, gateway }) => round(gateway.cpuMsPerRequest / floor.cpuMsPerRequest)),
    floor_cpu_ms_per_request: round(of(closedPairs, 'floor', 'cpuMsPerRequest'), 4),
    gateway_cpu_ms_per_request: round(of(closedPairs, 'gateway', 'cpuMsPerRequest'), 4),
    floor_per_second: Math.round(of(closedPairs, 'floor', 'perSecond')),
    gateway_per_second: Math.round(of(closedPairs, 'gateway', 'perSecond')),
    payload_capture: {
      process_cpu_ratio_to_floor: round(ratio(capturedPairs)),
      target: MAX_CAPTURED_RATIO,
      gateway_cpu_ms_per_request: round(of(capturedPairs, 'gateway', 'cpuMsPerRequest'), 4),
    },
    open_loop: {
      per_second: OPEN_PER_SECOND,
      upstream_ms: OPEN_UPSTREAM_MS,
      target: MAX_OPEN_RATIO,
      ...latency,
    },
    pinned,
    node: process.version,
  };
  if (json) process.stdout.write(`${JSON.stringify(figures)}\n`);
  else process.stdout.write(table(figures, latency));
}

function table(
  figures: {
    readonly process_cpu_ratio_to_floor: number;
    readonly rounds: number;
    readonly floor_cpu_ms_per_request: number;
    readonly gateway_cpu_ms_per_request: number;
    readonly floor_per_second: number;
    readonly gateway_per_second: number;
    readonly payload_capture: { readonly process_cpu_ratio_to_floor: number };
  },
  latency: Readonly<Record<string, Readonly<Record<string, number>>>>,
): string {
  const lines = [
    `closed loop, ${CONNECTIONS} connections, durability disk, median of ${figures.rounds} paired rounds`,
    `  floor    ${figures.floor_cpu_ms_per_request} ms CPU per request, ${figures.floor_per_second}/s`,
    `  gateway  ${figures.gateway_cpu_ms_per_request} ms CPU per request, ${figures.gateway_per_second}/s`,
    `  ratio    ${figures.process_cpu_ratio_to_floor} (at most ${MAX_CLOSED_RATIO})`,
    `  with both bodies of each call kept: ratio ${figures.payload_capture.process_cpu_ratio_to_floor} (at most ${MAX_CAPTURED_RATIO})`,
    `open loop, ${OPEN_PER_SECOND}/s, upstream ${OPEN_UPSTREAM_MS} ms (at most ${MAX_OPEN_RATIO} for disk)`,
    '  durability  CPU ratio  added p50 ms  added p99 ms',
    ...Object.entries(latency).map(
      ([level, l]) =>
        `  ${level.padEnd(10)}  ${String(l['process_cpu_ratio_to_floor']).padEnd(9)}  ${String(l['added_p50_ms']).padEnd(12)}  ${l['added_p99_ms']}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function round(value: number, digits = 3): number {
  return Number(value.toFixed(digits));
}
