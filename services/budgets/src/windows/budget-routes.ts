import type { Pool } from '@tollgate/database';
import {
  cursorCodec,
  HttpProblem,
  PROBLEMS,
  pageFrom,
  pageOf,
  pageQuery,
  type Route,
  route,
} from '@tollgate/http';
import { formatUnits, windowAt } from '@tollgate/limits';
import { z } from 'zod';
import { type LimitFilter, limitCondition, listLimits } from '../limits/limit-query.ts';
import { id, showLimit, shownLimit } from '../limits/limit-schema.ts';
import { LIMIT_COLUMNS, type LimitRow, type StoredLimit, storedLimit } from '../limits/stored-limit.ts';
import { remainingOf, type WindowRow, windowKeyText } from './window-row.ts';
import { readWindows, type StoredWindow, WINDOW_COLUMNS, windowRowOf } from './window-store.ts';

const instant = z.iso
  .datetime()
  .refine((value) => value >= '2000' && value < '2200', 'must be between the years 2000 and 2199');
const cursor = cursorCodec(
  z.strictObject({ limit: z.string().max(128), starts: z.string().max(40).optional() }),
);

const decimal = z.string();
const budget = shownLimit
  .pick({
    limit_id: true,
    version: true,
    organisation_id: true,
    team_id: true,
    scope: true,
    unit: true,
    window: true,
    time_zone: true,
    currency: true,
    strict: true,
  })
  .extend({
    starts_at: z.string(),
    ends_at: z.string(),
    /** The limit's amount in this window. */
    limit: decimal,
    /** Held by leases: granted, less what was given back. */
    granted: decimal,
    /** What leases are known to have used, by reports or usage events. */
    settled: decimal,
    /** The sum over the usage events of every request that the limit applies to. */
    confirmed: decimal,
    /** Of that, by requests that no lease covered. */
    unleased: decimal,
    /** Used beyond what leases held. */
    overshoot: decimal,
    remaining: decimal,
    /** Usage events that a limit of money could not count. */
    uncounted: z.int().min(0),
  })
  .meta({ id: 'Budget' });

type Shown = { readonly limit: StoredLimit; readonly row: WindowRow };

/** `GET /v1/budgets`: how limits stand, at an instant or over a range. */
export function budgetRoutes(parts: { readonly pool: Pool; readonly now: () => number }): Route[] {
  const { pool, now } = parts;
  return [
    route({
      method: 'GET',
      path: '/v1/budgets',
      access: { scope: 'budgets:read' },
      operationId: 'listBudgets',
      summary: 'What is used and left of limits',
      description:
        'Of each limit the window that holds `at` (now, unless given). With `from` and `to` instead: every window that begins in that range and of which anything is known, also of limits that were deleted.',
      tag: 'budgets',
      query: z.strictObject({
        ...pageQuery,
        organisation_id: id.optional(),
        team: id.optional(),
        limit_id: id.optional(),
        at: instant.optional(),
        from: instant.optional(),
        to: instant.optional(),
      }),
      answers: { 200: pageOf(budget) },
      problems: [PROBLEMS.invalidCursor],
      async handle({ query, reach }) {
        const { at, from, to, limit } = query;
        if ((from === undefined) !== (to === undefined) || (at !== undefined && from !== undefined)) {
          throw new HttpProblem(PROBLEMS.badRequest, 'give `at`, or `from` and `to`, or none of them');
        }
        const filter = {
          reach,
          organisationId: query.organisation_id,
          teamId: query.team,
          limitId: query.limit_id,
        };
        const after = query.cursor === undefined ? null : cursor.decode(query.cursor);
        const rows =
          from === undefined || to === undefined
            ? await standingAt(pool, filter, {
                atMs: at === undefined ? now() : Date.parse(at),
                after: after?.limit ?? '',
                limit: limit + 1,
              })
            : await between(pool, filter, {
                from,
                to,
                after: { limit: after?.limit ?? '', starts: after?.starts ?? from },
                limit: limit + 1,
              });
        const page = pageFrom(rows, limit, cursor, ({ row }) => ({
          limit: row.limitId,
          ...(from === undefined ? {} : { starts: new Date(row.startsAtMs).toISOString() }),
        }));
        return { status: 200, body: { items: page.items.map(show), next_cursor: page.next_cursor } };
      },
    }),
  ];
}

async function standingAt(
  pool: Pool,
  filter: LimitFilter,
  page: { readonly atMs: number; readonly after: string; readonly limit: number },
): Promise<Shown[]> {
  const limits = await listLimits(pool, filter, page);
  const keyed = limits.map((limit) => ({ limit, window: windowAt(limit, page.atMs) }));
  const rows = await readWindows(
    pool,
    keyed.map(({ limit, window }) => ({ limitId: limit.limitId, startsAtMs: window.startsAtMs })),
  );
  return keyed.map(({ limit, window }) => {
    const empty: WindowRow = {
      limitId: limit.limitId,
      ...window,
      amount: limit.amount,
      granted: 0n,
      settled: 0n,
      overshoot: 0n,
      unleased: 0n,
      confirmed: 0n,
      uncounted: 0,
    };
    return { limit, row: rows.get(windowKeyText(empty)) ?? empty };
  });
}

async function between(
  pool: Pool,
  filter: LimitFilter,
  page: {
    readonly from: string;
    readonly to: string;
    readonly after: { readonly limit: string; readonly starts: string };
    readonly limit: number;
  },
): Promise<Shown[]> {
  const { sql, values } = limitCondition(filter, 6);
  const columns = (of: string, names: string) =>
    names
      .split(',')
      .map((name) => `${of}.${name.trim()}`)
      .join(', ');
  const { rows } = await pool.query<StoredWindow & Omit<LimitRow, 'amount'> & { limit_amount: string }>(
    `SELECT ${columns('l', LIMIT_COLUMNS).replace('l.amount', 'l.amount AS limit_amount')},
       ${columns('w', WINDOW_COLUMNS).replace('w.limit_id, ', '')}
     FROM budget_window AS w JOIN budget_limit AS l USING (limit_id)
     WHERE w.starts_at >= $1::timestamptz AND w.starts_at < $2::timestamptz
       AND (w.starts_at, w.limit_id) > ($3::timestamptz, $4) AND ${sql}
     ORDER BY w.starts_at, w.limit_id LIMIT $5`,
    [page.from, page.to, page.after.starts, page.after.limit, page.limit, ...values],
  );
  return rows.map((row) => ({
    limit: storedLimit({ ...row, amount: row.limit_amount }),
    row: windowRowOf(row),
  }));
}

function show({ limit, row }: Shown): z.input<typeof budget> {
  const text = (units: bigint) => formatUnits(limit.unit, units);
  const { created_at, created_by, updated_at, updated_by, amount, ...rest } = showLimit(limit);
  return {
    ...rest,
    starts_at: new Date(row.startsAtMs).toISOString(),
    ends_at: new Date(row.endsAtMs).toISOString(),
    limit: text(row.amount),
    granted: text(row.granted),
    settled: text(row.settled),
    confirmed: text(row.confirmed),
    unleased: text(row.unleased),
    overshoot: text(row.overshoot),
    remaining: text(remainingOf(row)),
    uncounted: row.uncounted,
  };
}
