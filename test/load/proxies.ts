import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startLocalKafka } from '@tollgate/bus/local-kafka';
import { createLogger } from '@tollgate/telemetry';
import { freePort } from '@tollgate/testing';
import { type BenchPolicies, KEY, startGatewayProcess } from './gateway-process.ts';
import { type LoadResult, percentile } from './http-load.ts';
import { canPin, MEASURED_CORE, OTHER_CORE, pinSelf, startPinned } from './pinned-process.ts';
import { processCpuSeconds } from './process-cpu.ts';

/** Load before each round that is not measured: V8 shrinks its young generation while a process lies idle. */
const RAMP_MS = 700;
/** What a round still costs after its last answer: the publisher's linger, and its acknowledgements. */
const SETTLE_MS = 300;

/** A process that passes requests on, and is measured. */
export interface MeasuredProxy {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Measured {
  readonly cpuMsPerRequest: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The floor proxy and as many gateways as are started, before one upstream, on one core. */
export interface Bench {
  readonly floor: MeasuredProxy;
  readonly pinned: boolean;
  startGateway(
    name: string,
    options?: {
      readonly nodeArgs?: readonly string[];
      readonly policies?: BenchPolicies;
      readonly vaultUrl?: string;
    },
  ): Promise<MeasuredProxy>;
  stop(): Promise<void>;
}

/** Starts Kafka, the upstream and the floor; what is measured has a core for itself, if there are two. */
export async function startBench(say: (line: string) => void): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-bench-'));
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const each of stops.toReversed()) await each();
    rmSync(folder, { recursive: true, force: true });
  };
  const pinned = canPin();
  if (pinned) pinSelf(OTHER_CORE);
  else say('taskset or a second core is missing: nothing is pinned, so expect noise');
  try {
    const logger = createLogger({ service: 'bench', level: 'warn' });
    const given = process.env['KAFKA_BROKERS']?.split(',') ?? null;
    const local = given === null ? await startLocalKafka({ folder: join(folder, 'kafka'), logger }) : null;
    if (local !== null) stops.push(() => local.stop());
    const brokers = given ?? local?.brokers ?? [];
    const token = `bench-${randomUUID()}`;
    const upstreamPort = await freePort();
    const upstream = await startPinned({
      args: [new URL('upstream.ts', import.meta.url).pathname, String(upstreamPort), token],
      env: {},
      core: pinned ? OTHER_CORE : null,
      readyUrl: `http://127.0.0.1:${upstreamPort}/healthz`,
    });
    stops.push(() => upstream.stop());
    const upstreamUrl = `http://127.0.0.1:${upstreamPort}/serving-endpoints`;
    const core = pinned ? MEASURED_CORE : null;
    const floorPort = await freePort();
    const floor = await startPinned({
      args: [new URL('floor-proxy.ts', import.meta.url).pathname, String(floorPort), upstreamUrl, token],
      env: {},
      core,
      readyUrl: `http://127.0.0.1:${floorPort}/`,
    });
    stops.push(() => floor.stop());
    return {
      floor: { name: 'floor', pid: floor.pid, port: floorPort, headers: {} },
      pinned,
      async startGateway(name, { nodeArgs = [], ...rest } = {}) {
        const port = await freePort();
        const started = await startGatewayProcess({
          folder: join(folder, name),
          port,
          core,
          upstreamUrl,
          upstreamToken: token,
          kafka: { brokers, topicPrefix: `bench-${randomUUID().slice(0, 8)}.` },
          logger,
          nodeArgs,
          ...rest,
        });
        stops.push(() => started.stop());
        return { name, pid: started.pid, port, headers: { authorization: `Bearer ${KEY}` } };
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Runs load on one of them, after a ramp, and takes its CPU time over that. @throws Error if an answer is no 200 */
export async function measured(
  proxy: MeasuredProxy,
  durationMs: number,
  run: (durationMs: number) => Promise<LoadResult>,
): Promise<Measured> {
  await run(RAMP_MS);
  await delay(SETTLE_MS);
  const before = processCpuSeconds(proxy.pid);
  const result = await run(durationMs);
  await delay(SETTLE_MS);
  const cpuSeconds = processCpuSeconds(proxy.pid) - before;
  if (result.failures > 0) throw new Error(`${proxy.name}: ${result.failures} of ${result.requests} failed`);
  return {
    cpuMsPerRequest: (cpuSeconds * 1000) / result.requests,
    perSecond: result.requests / result.seconds,
    p50Ms: percentile(result.latenciesMs, 0.5),
    p99Ms: percentile(result.latenciesMs, 0.99),
  };
}

/** The number behind a flag; null where it is not given. */
export function numberAfter(args: readonly string[], flag: string): number | null {
  const at = args.indexOf(flag);
  return at < 0 ? null : Number(args[at + 1]);
}
