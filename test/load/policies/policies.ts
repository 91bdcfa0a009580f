import { MODELS } from '../gateway-process.ts';
import { closedLoop, type LoadTarget, median, openLoop, percentile } from '../http-load.ts';
import { type Measured, type MeasuredProxy, measured, numberAfter, startBench } from '../proxies.ts';
import { firstByteTimes } from './first-byte.ts';
import { FULL, PROMPTS, VARIANTS } from './variants.ts';

const ROUNDS = 5;
const ROUND_MS = 3_000;
const WARM_UP_MS = 8_000;
const CONNECTIONS = 64;
const PER_SECOND = 300;
const UPSTREAM_MS = 20;
const OPEN_CONNECTIONS = 128;
const STREAMS = 300;
const OUTPUT_TOKENS = 200;
const STREAM_TOKENS = 20;

/** What the whole chain may cost: a share of the floor's CPU, and milliseconds more than the floor takes. */
const TARGETS = { cpuRatio: 2, addedP50Ms: 1, p99Ratio: 2, addedFirstByteMs: 1.5 };

type PromptName = keyof typeof PROMPTS;

/**
 * What each policy costs: CPU per request of the whole gateway process without any, with each alone and with all, on prompts of 2 KB,
 * against the floor proxy in the same rounds; and what all of them add to latency and to a stream's first byte.
 */
export async function benchPolicies(args: readonly string[]): Promise<void> {
  const rounds = numberAfter(args, '--rounds') ?? ROUNDS;
  const profile = args.includes('--cpu-prof') ? ['--cpu-prof', `--cpu-prof-dir=${process.cwd()}`] : [];
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const bench = await startBench(say);
  try {
    const gateways: MeasuredProxy[] = [];
    for (const { name, policies } of VARIANTS) {
      const nodeArgs = name === FULL ? profile : [];
      gateways.push(await bench.startGateway(name, { policies, nodeArgs }));
    }
    const proxies = [bench.floor, ...gateways];
    for (const proxy of proxies) await closed(proxy, 'people', WARM_UP_MS);
    const cpu: Record<PromptName, Measured[][]> = { plain: [], people: [] };
    const latency: Measured[][] = [];
    const firstByteMs: number[][] = [];
    const compared = [bench.floor, ...gateways.filter(({ name }) => name === 'none' || name === FULL)];
    for (let round = 0; round < rounds; round += 1) {
      for (const prompt of ['plain', 'people'] as const) {
        cpu[prompt].push(await each(proxies, round, (proxy) => closed(proxy, prompt, ROUND_MS)));
      }
      latency.push(await each(compared, round, (proxy) => open(proxy, ROUND_MS)));
      firstByteMs.push(await each(compared, round, firstByte));
      say(
        `round ${round + 1}/${rounds}: ${cpu.plain
          .at(-1)
          ?.map(({ cpuMsPerRequest }) => cpuMsPerRequest.toFixed(3))
          .join(' ')}`,
      );
    }
    const names = VARIANTS.map(({ name }) => name);
    const figures = {
      cpu_ratio_to_floor: { plain: ratios(names, cpu.plain), people: ratios(names, cpu.people) },
      without: added(1, latency, firstByteMs),
      with_all: added(2, latency, firstByteMs),
      floor_cpu_ms: rounded(median(cpu.plain.map(([floor]) => floor?.cpuMsPerRequest ?? 0))),
      targets: TARGETS,
      rounds,
      pinned: bench.pinned,
    };
    process.stdout.write(args.includes('--json') ? `${JSON.stringify(figures)}\n` : table(figures));
  } finally {
    await bench.stop();
  }
}

/** One round of all; who comes first changes from round to round, and what is given back is in their order. */
async function each<T>(
  proxies: readonly MeasuredProxy[],
  round: number,
  measure: (proxy: MeasuredProxy) => Promise<T>,
): Promise<T[]> {
  const order = round % 2 === 0 ? proxies : proxies.toReversed();
  const results: T[] = [];
  for (const proxy of order) results.push(await measure(proxy));
  return round % 2 === 0 ? results : results.toReversed();
}

function target(
  proxy: MeasuredProxy,
  model: string,
  prompt: PromptName,
  more: Readonly<Record<string, unknown>>,
): LoadTarget {
  return {
    port: proxy.port,
    path: '/v1/chat/completions',
    headers: proxy.headers,
    body: JSON.stringify({
      model,
      messages: [{ role: 'user', content: PROMPTS[prompt] }],
      max_tokens: OUTPUT_TOKENS,
      ...more,
    }),
  };
}

function closed(proxy: MeasuredProxy, prompt: PromptName, durationMs: number): Promise<Measured> {
  const load = target(proxy, MODELS.disk, prompt, {});
  return measured(proxy, durationMs, (ms) => closedLoop(load, CONNECTIONS, ms));
}

function open(proxy: MeasuredProxy, durationMs: number): Promise<Measured> {
  const load = target(proxy, MODELS.relaxed, 'plain', { simulated: { latency_ms: UPSTREAM_MS } });
  return measured(proxy, durationMs, (ms) => openLoop(load, PER_SECOND, ms, OPEN_CONNECTIONS));
}

/** The median of a stream's time to its first byte, in milliseconds. */
async function firstByte(proxy: MeasuredProxy): Promise<number> {
  const times = await firstByteTimes(
    target(proxy, MODELS.relaxed, 'plain', { stream: true, max_tokens: STREAM_TOKENS }),
    STREAMS,
  );
  return percentile(times, 0.5);
}

/** What one of those compared adds to the floor, the first of them. */
interface Added {
  readonly p50_ms: number;
  readonly p99_ratio: number;
  readonly first_byte_ms: number;
}

function added(
  at: number,
  latency: readonly (readonly Measured[])[],
  firstByteMs: readonly (readonly number[])[],
): Added {
  return {
    p50_ms: rounded(median(latency.map((all) => (all[at]?.p50Ms ?? 0) - (all[0]?.p50Ms ?? 0)))),
    p99_ratio: rounded(median(latency.map((all) => (all[at]?.p99Ms ?? 0) / (all[0]?.p99Ms ?? 1)))),
    first_byte_ms: rounded(median(firstByteMs.map((all) => (all[at] ?? 0) - (all[0] ?? 0)))),
  };
}

/** By variant, the median of the ratios in each round. */
function ratios(names: readonly string[], rounds: readonly (readonly Measured[])[]): Record<string, number> {
  return Object.fromEntries(
    names.map((name, index) => [
      name,
      rounded(
        median(rounds.map((all) => (all[index + 1]?.cpuMsPerRequest ?? 0) / (all[0]?.cpuMsPerRequest ?? 1))),
      ),
    ]),
  );
}

function table(figures: {
  readonly cpu_ratio_to_floor: Readonly<Record<PromptName, Readonly<Record<string, number>>>>;
  readonly without: Added;
  readonly with_all: Added;
  readonly floor_cpu_ms: number;
  readonly rounds: number;
}): string {
  const { plain, people } = figures.cpu_ratio_to_floor;
  const lines = [
    `CPU of the gateway against the floor (${figures.floor_cpu_ms} ms), prompts of 2 KB, median of ${figures.rounds} rounds; all of them at most ${TARGETS.cpuRatio}`,
    '  policies          plain   with people',
    ...Object.keys(plain).map(
      (name) => `  ${name.padEnd(16)}  ${String(plain[name]).padEnd(6)}  ${people[name]}`,
    ),
    `at ${PER_SECOND}/s, upstream ${UPSTREAM_MS} ms, durability relaxed: without any policy, with all, and what all of them may`,
    `  added p50         ${figures.without.p50_ms} ms, ${figures.with_all.p50_ms} ms (${TARGETS.addedP50Ms})`,
    `  p99 to the floor  ${figures.without.p99_ratio}, ${figures.with_all.p99_ratio} (${TARGETS.p99Ratio})`,
    `  added first byte  ${figures.without.first_byte_ms} ms, ${figures.with_all.first_byte_ms} ms (${TARGETS.addedFirstByteMs})`,
  ];
  return `${lines.join('\n')}\n`;
}

function rounded(value: number): number {
  return Number(value.toFixed(3));
}
