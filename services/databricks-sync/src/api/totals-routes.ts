import { HttpProblem, type ProblemKind, type Reach, type Route, route } from '@tollgate/http';
import { z } from 'zod';
import { SyncError } from '../errors.ts';
import type { LakehouseTarget, LakehouseTotals } from '../target/lakehouse-target.ts';

const UNAVAILABLE: ProblemKind = {
  code: 'lakehouse_unavailable',
  status: 503,
  title: 'The lakehouse does not answer',
};
const RANGE_INVALID: ProblemKind = { code: 'range_invalid', status: 400, title: 'The range is empty' };

const digits = z.string().regex(/^\d+$/);

const totals = z
  .object({
    from: z.string(),
    to: z.string(),
    team: z.string().nullable(),
    /** What answered: a stand-in is no lakehouse. */
    target: z.enum(['databricks-sql', 'duckdb-file']),
    /** Final usage events of requests that were received within the range. Counts are decimal text. */
    requests: digits,
    input_tokens: digits,
    output_tokens: digits,
    charges: digits,
    /** Exact. */
    amounts: z.array(z.object({ currency: z.string(), amount: z.string() })).readonly(),
  })
  .meta({ id: 'LakehouseTotals' });

/** A file that is being written, or read by somebody else, is free again soon. */
const BUSY_ATTEMPTS = 20;
const BUSY_PAUSE_MS = 100;
/** A stopped warehouse takes minutes to start. */
const TIMEOUT_MS = 120_000;

/** `GET /v1/lakehouse/totals`. */
export function totalsRoutes(parts: {
  readonly target: LakehouseTarget;
  readonly pause: (ms: number) => Promise<void>;
}): Route[] {
  const { target } = parts;
  return [
    route({
      method: 'GET',
      path: '/v1/lakehouse/totals',
      access: { scope: 'lakehouse:read' },
      operationId: 'getLakehouseTotals',
      summary: 'What the lakehouse itself holds of a time',
      description:
        'Asked of the target, not of our own tables, so it shows what has arrived: see `/v1/deliveries` for what still waits. A warehouse that sleeps is woken.',
      tag: 'lakehouse',
      query: z.strictObject({
        from: z.iso.datetime(),
        to: z.iso.datetime(),
        team: z.string().min(1).max(128).optional(),
      }),
      timeoutMs: TIMEOUT_MS,
      answers: { 200: totals },
      problems: [UNAVAILABLE, RANGE_INVALID],
      async handle({ query, reach, signal }) {
        const { from, to, team = null } = query;
        if (Date.parse(from) >= Date.parse(to))
          throw new HttpProblem(RANGE_INVALID, 'from must be before to');
        const asked = { from, to, organisationId: reach.organisationId, teamIds: teamsWithin(reach, team) };
        const { amounts, ...found } = await patiently(() => target.totals(asked, signal), parts.pause);
        return {
          status: 200,
          body: {
            from,
            to,
            team,
            target: target.description.kind,
            requests: found.requests,
            input_tokens: found.inputTokens,
            output_tokens: found.outputTokens,
            charges: found.charges,
            amounts,
          },
        };
      },
    }),
  ];
}

/** The team that is asked for, where it lies within reach; every team within it, where none is. */
function teamsWithin({ teamIds }: Reach, team: string | null): readonly string[] | null {
  if (team === null) return teamIds === null ? null : [...teamIds];
  return teamIds === null || teamIds.has(team) ? [team] : [];
}

async function patiently(
  ask: () => Promise<LakehouseTotals>,
  pause: (ms: number) => Promise<void>,
): Promise<LakehouseTotals> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof SyncError)) throw error;
      if (error.code !== 'target_busy' || attempt === BUSY_ATTEMPTS) {
        throw new HttpProblem(UNAVAILABLE, `${error.code}: ${error.message}`, { cause: error });
      }
      await pause(BUSY_PAUSE_MS);
    }
  }
}
