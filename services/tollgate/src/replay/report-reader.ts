import type { ServiceClient } from '@tollgate/http';
import { z } from 'zod';
import { TeamTotals } from './totals.ts';

const HOUR_MS = 3_600_000;

const answer = z.object({
  rows: z.array(
    z.object({ team: z.string(), requests: z.int(), input_tokens: z.int(), output_tokens: z.int() }),
  ),
});

/** What the report says of each team, from the hour of the first instant to that of the last: read from rollups. */
export async function readReport(
  client: ServiceClient,
  teams: ReadonlySet<string>,
  firstMs: number,
  lastMs: number,
): Promise<TeamTotals> {
  const hour = (ms: number) => new Date(ms).toISOString();
  const { rows } = await client.call({
    method: 'GET',
    path: '/v1/report',
    query: {
      from: hour(Math.floor(firstMs / HOUR_MS) * HOUR_MS),
      to: hour((Math.floor(lastMs / HOUR_MS) + 1) * HOUR_MS),
      group_by: 'team',
    },
    answer,
  });
  const totals = new TeamTotals();
  for (const { team, ...amount } of rows) if (teams.has(team)) totals.add(team, amount);
  return totals;
}
