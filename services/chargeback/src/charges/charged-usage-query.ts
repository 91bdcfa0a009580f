import type { Pool } from '@tollgate/database';
import type { TokenClass } from '@tollgate/events';
import type { Reach } from '@tollgate/http';

/** Where a page ended: the transaction that charged the last usage, and its event. */
export type UsagePosition = { readonly takenIn: string; readonly eventId: string };

export const START: UsagePosition = { takenIn: '0', eventId: '00000000-0000-0000-0000-000000000000' };

export type UsageFilter = {
  readonly organisation?: string | undefined;
  readonly team?: string | undefined;
  readonly period?: string | undefined;
  readonly status?: string | undefined;
};

type Line = {
  readonly token_class: TokenClass;
  readonly quantity: number;
  readonly status: 'priced' | 'unpriced' | 'included-in-capacity' | 'billed-by-provider';
  readonly price_id: string | null;
  readonly amount: string | null;
  readonly currency: string | null;
};

export type ChargedUsageRow = {
  readonly event_id: string;
  readonly request_id: string;
  readonly client_request_id: string | null;
  readonly source: string;
  readonly sequence: bigint;
  readonly requested_at: string;
  readonly billing_period: string;
  readonly time_zone_assumed: boolean;
  readonly attempt: number;
  readonly final: boolean;
  readonly outcome: string;
  readonly fidelity: string;
  readonly organisation_id: string;
  readonly team_id: string;
  readonly project_id: string | null;
  readonly cost_centre_id: string | null;
  readonly principal_type: string;
  readonly principal_id: string;
  readonly key_id: string;
  readonly requested_model: string | null;
  readonly served_model: string | null;
  readonly serving_mode: string | null;
  readonly region: string | null;
  readonly tags: Record<string, string>;
  readonly input_tokens: bigint;
  readonly output_tokens: bigint;
  readonly cached_input_tokens: bigint;
  readonly cache_creation_tokens: bigint;
  readonly reasoning_tokens: bigint;
  readonly currency: string | null;
  readonly amount: string | null;
  readonly taken_in: string;
  readonly charges: readonly Line[];
};

/*
 * In the order of being charged. What a transaction that still runs may have charged is left for the next page,
 * and everything after it too, so that a reader who goes on from where it stopped misses nothing. Transactions of
 * the server's other databases count too, so a long one there holds readers back here.
 */
const SETTLED = 'u.taken_in < pg_snapshot_xmin(pg_current_snapshot())';

const PAGE = `
  SELECT u.*, a.*, c.charges, c.amount
  FROM usage AS u
  JOIN attribution AS a USING (attribution_id)
  CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'token_class', token_class, 'quantity', quantity, 'status', status, 'price_id', price_id,
        'amount', amount::text, 'currency', currency) ORDER BY token_class), '[]') AS charges,
      sum(amount) AS amount
    FROM charge WHERE usage_event_id = u.event_id
  ) AS c
  WHERE u.taken_in >= $1::xid8 AND (u.taken_in, u.event_id) > ($1::xid8, $2::uuid) AND ${SETTLED}
    AND ($4::text IS NULL OR a.organisation_id = $4)
    AND ($5::text[] IS NULL OR a.team_id = ANY ($5))
    AND ($6::text IS NULL OR a.organisation_id = $6)
    AND ($7::text IS NULL OR a.team_id = $7)
    AND ($8::text IS NULL OR u.billing_period = $8)
    AND ($9::text IS NULL OR EXISTS (SELECT FROM charge WHERE usage_event_id = u.event_id AND status = $9))
  ORDER BY u.taken_in, u.event_id
  LIMIT $3`;

/** Usage with its charges, after a position. */
export async function readChargedUsage(
  pool: Pool,
  options: {
    readonly after: UsagePosition;
    readonly limit: number;
    readonly reach: Reach;
    readonly filter: UsageFilter;
  },
): Promise<ChargedUsageRow[]> {
  const { after, limit, reach, filter } = options;
  const { rows } = await pool.query<ChargedUsageRow>(PAGE, [
    after.takenIn,
    after.eventId,
    limit,
    reach.organisationId,
    reach.teamIds === null ? null : [...reach.teamIds],
    filter.organisation,
    filter.team,
    filter.period,
    filter.status,
  ]);
  return rows;
}

/** The position after everything that is settled now. */
export async function endPosition(pool: Pool): Promise<UsagePosition> {
  const { rows } = await pool.query<{ taken_in: string; event_id: string }>(
    `SELECT u.taken_in, u.event_id FROM usage AS u WHERE ${SETTLED} ORDER BY taken_in DESC, event_id DESC LIMIT 1`,
  );
  const [last] = rows;
  return last === undefined ? START : { takenIn: last.taken_in, eventId: last.event_id };
}
