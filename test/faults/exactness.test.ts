import { createLogger } from '@tollgate/telemetry';
import { seededRandom, temporaryFolder } from '@tollgate/testing';
import { prepareInstallation, replay } from 'tollgate/replay';
import { STACK_MODEL, type Stack, startStack } from 'tollgate/stack';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Chaos, faultsOf } from './chaos.ts';
import { seed, soak, TIMEOUT_MS, traceRows } from './trace-rows.ts';

const ROUNDS = soak ? 12 : 1;
/** Long enough for requests to be under way whenever something is killed. */
const UPSTREAM_LATENCY_MS = 250;

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
      const trace = await traceRows(soak ? Number.POSITIVE_INFINITY : 500);
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
      const { sent, audit, charges, budgets, lakehouse } = report;
      expect({ audit, charges, budgets, lakehouse }, told).toEqual({
        audit: sent,
        charges: sent,
        budgets: sent,
        lakehouse: sent,
      });
      expect(report.attempts, `no request was cut off:\n${told}`).toBeGreaterThan(trace.length);
    },
    TIMEOUT_MS,
  );
});
