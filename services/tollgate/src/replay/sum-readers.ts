import type { ServiceClient } from '@tollgate/http';
import { z } from 'zod';
import { TeamTotals } from './totals.ts';

const HOUR_MS = 3_600_000;
/** A month's window began this long ago at most. */
const WINDOW_MS = 31 * 24 * HOUR_MS;

/** As many as the service gives. */
const PAGE = 500;

/** What a place holds of each team, in sums alone: completed and abandoned requests together. */
export type SumReader = () => Promise<TeamTotals>;

export interface SumReaderOptions {
  readonly client: ServiceClient;
  readonly teams: ReadonlySet<string>;
  /** Before the first request, milliseconds since 1970. */
  readonly fromMs: number;
}

const instant = (ms: number) => new Date(ms).toISOString();
const startOfHour = (ms: number) => Math.floor(ms / HOUR_MS) * HOUR_MS;
const count = z.string().regex(/^\d+$/).transform(Number);

const report = z.object({
  rows: z.array(
    z.object({ team: z.string(), requests: z.int(), input_tokens: z.int(), output_tokens: z.int() }),
  ),
});

/** What the chargeback report says, which is read from rollups. */
export function reportReader({ client, teams, fromMs }: SumReaderOptions): SumReader {
  return async () => {
    const { rows } = await client.call({
      method: 'GET',
      path: '/v1/report',
      query: {
        from: instant(startOfHour(fromMs)),
        to: instant(startOfHour(Date.now()) + HOUR_MS),
        group_by: 'team',
      },
      answer: report,
    });
    const totals = new TeamTotals();
    for (const { team, ...amount } of rows) if (teams.has(team)) totals.add(team, amount);
    return totals;
  };
}

/** The units of the limits that a replay sets, and what each counts. */
export const COUNTED = {
  requests: 'requests',
  'input-tokens': 'input_tokens',
  'output-tokens': 'output_tokens',
} as const;

const budget = z.object({
  team_id: z.string().nullable(),
  unit: z.string(),
  confirmed: count,
});

/** What usage events have confirmed of the limits that the replay set for its teams. */
export function budgetsReader({ client, teams, fromMs }: SumReaderOptions): SumReader {
  return async () => {
    const totals = new TeamTotals();
    const budgets = client.list({
      path: '/v1/budgets',
      query: { from: instant(fromMs - WINDOW_MS), to: instant(Date.now() + HOUR_MS), limit: PAGE },
      item: budget,
    });
    for await (const { team_id: team, unit, confirmed } of budgets) {
      const member = Object.entries(COUNTED).find(([name]) => name === unit)?.[1];
      if (team === null || member === undefined || !teams.has(team)) continue;
      totals.add(team, { requests: 0, input_tokens: 0, output_tokens: 0, [member]: confirmed });
    }
    return totals;
  };
}

const lakehouse = z.object({ requests: count, input_tokens: count, output_tokens: count });

/** What the lakehouse itself holds. */
export function lakehouseReader({ client, teams, fromMs }: SumReaderOptions): SumReader {
  return async () => {
    const totals = new TeamTotals();
    for (const team of teams) {
      const held = await client.call({
        method: 'GET',
        path: '/v1/lakehouse/totals',
        query: { from: instant(fromMs - HOUR_MS), to: instant(Date.now() + HOUR_MS), team },
        answer: lakehouse,
      });
      totals.add(team, held);
    }
    return totals;
  };
}
