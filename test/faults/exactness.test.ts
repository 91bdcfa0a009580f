import { existsSync } from 'node:fs';
import { createLogger } from '@tollgate/telemetry';
import { seededRandom, temporaryFolder } from '@tollgate/testing';
import { prepareInstallation, readTrace, replay, type TraceRow } from 'tollgate/replay';
import { STACK_MODEL, type Stack, startStack } from 'tollgate/stack';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Chaos, faultsOf } from './chaos.ts';

/** Production traffic, where it lies beside the checkout; requests of like sizes otherwise. */
const RECORDED = new URL('../../../shared/traces/azure-llm-2023-code.csv', import.meta.url).pathname;
const soak = process.env['TOLLGATE_SOAK'] === '1';
const seed = Number(process.env['TOLLGATE_SEED'] ?? (soak ? Date.now() % 1_000_000 : 20_261));
const ROWS = soak ? Number.POSITIVE_INFINITY : 500;
const ROUNDS = soak ? 12 : 1;
const TIMEOUT_MS = soak ? 3_600_000 : 300_000;
/** Long enough for requests to be under way whenever something is killed. */
const UPSTREAM_LATENCY_MS = 250;

async function rows(): Promise<TraceRow[]> {
  if (existsSync(RECORDED)) return readTrace(RECORDED, ROWS);
  const random = seededRandom(seed);
  return Array.from({ length: soak ? 8000 : ROWS }, (_, index) => ({
    index,
    atMs: 0,
    inputTokens: random.integer(1, 7000),
    outputTokens: random.integer(1, 300),
  }));
}

describe.each(['kafka', 'embedded'] as const)('on the bus %s', (kind) => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({
      folder: temporaryFolder('faults'),
      bus: { kind },
      upstreamLatencyMs: UPSTREAM_LATENCY_MS,
      logger: createLogger({ service: 'faults', level: 'warn' }),
    });
  });

  afterAll(() => stack?.stop());

  test(
    `nothing is lost and nothing is doubled when everything is killed under load (seed ${seed})`,
    async () => {
      const target = await prepareInstallation(stack, { teams: 5, model: STACK_MODEL });
      const trace = await rows();
      const chaos = new Chaos(faultsOf(stack), seededRandom(seed), { rows: trace.length, rounds: ROUNDS });
      const [report] = await Promise.all([
        replay({
          target,
          rows: trace,
          speed: 'max',
          connections: 16,
          rowDeadlineMs: 120_000,
          settleDeadlineMs: 90_000,
          beforeRow: (row) => chaos.before(row.index),
        }),
        chaos.run(),
      ]);
      const told = chaos.log.join('\n');
      expect(report.differences, told).toEqual([]);
      expect(report.sent.requests).toBe(trace.length);
      expect(report.audit).toEqual(report.sent);
      expect(report.charges).toEqual(report.sent);
      expect(report.attempts, `no request was cut off:\n${told}`).toBeGreaterThan(trace.length);
    },
    TIMEOUT_MS,
  );
});
