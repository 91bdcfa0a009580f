import { objectAt, textAt } from '../../exports/exported-event.ts';
import { findEvents } from '../../search/query.ts';
import { held, within } from '../scope.ts';
import type { StatedParts } from './hold-against.ts';

/** Awaited payloads looked for at once. */
const PAGE = 5_000;
/** Of these, whose end user is looked up in the log: erasures by end user are few, and so are payloads that miss. */
const MAX_LOOKED_UP = 100;
const ANYWHERE = { organisationId: null, teamIds: null };

/** SQL: awaited payloads between `$1` and `$2` as a scope is held against them. Their end user is in the request event. */
const AWAITED = `(SELECT a.*, NULL::text AS end_user FROM stated_awaited a
  WHERE a.leaf_index > $1 AND a.leaf_index <= $2 AND NOT a.differs)`;

/** SQL: whether all of an erasure's scope but the end user fits. */
const NAMED_OTHERWISE = within('n', 'e').replace('(e.end_user IS NULL OR e.end_user = n.end_user)', 'true');

/**
 * Takes out what has arrived since, and what the vault did not let in because an erasure had named it before; marks what
 * arrived as something else than was stated. One page a call.
 *
 * @param after the leaf after which the page begins; -1 at first
 * @returns where the next page begins; -1 when this was the last
 */
export async function settleAwaited(parts: StatedParts, after: number): Promise<number> {
  const { pool } = parts;
  const { rows } = await pool.query<{ last: bigint | null; leaves: number }>(
    `SELECT max(leaf_index) AS last, count(*)::int AS leaves FROM (
       SELECT leaf_index FROM stated_awaited WHERE leaf_index > $1 ORDER BY leaf_index LIMIT ${PAGE}) page`,
    [after],
  );
  const last = rows[0]?.last ?? null;
  if (last === null) return -1;
  const page = [after, Number(last)];
  await pool.query(
    `DELETE FROM stated_awaited a USING vault_payload p
     WHERE a.leaf_index > $1 AND a.leaf_index <= $2 AND p.request_id = a.request_id AND p.direction = a.direction
       AND p.state <> 'arriving' AND p.digest = a.digest`,
    page,
  );
  await pool.query(
    `UPDATE stated_awaited a SET differs = true FROM vault_payload p
     WHERE a.leaf_index > $1 AND a.leaf_index <= $2 AND NOT a.differs AND p.request_id = a.request_id
       AND p.direction = a.direction AND p.state <> 'arriving' AND p.digest <> a.digest`,
    page,
  );
  await refuse(
    parts,
    `EXISTS (SELECT FROM vault_erasure e WHERE e.cause = 'asked' AND ${within('n', 'e')})`,
    page,
  );
  for (const [leaf, endUser] of await endUsers(parts, page)) {
    await refuse(
      parts,
      `n.leaf_index = $3 AND EXISTS (SELECT FROM vault_erasure e
         WHERE e.cause = 'asked' AND e.end_user = $4 AND ${NAMED_OTHERWISE})`,
      [...page, leaf, endUser],
    );
  }
  return rows[0]?.leaves === PAGE ? Number(last) : -1;
}

/** Takes out awaited payloads that the vault does not let in, and counts them as erased. */
async function refuse({ pool }: StatedParts, condition: string, values: unknown[]): Promise<void> {
  await pool.query(
    `WITH gone AS (
       DELETE FROM stated_awaited a USING ${AWAITED} n
       WHERE a.leaf_index = n.leaf_index AND a.direction = n.direction AND NOT ${held('n')} AND ${condition}
       RETURNING a.requested_at, a.organisation_id)
     INSERT INTO stated_count AS c (quarter, organisation_id, stated, not_kept, refused)
     SELECT date_bin('15 minutes', requested_at, 'epoch'), organisation_id, 0, 0, count(*) FROM gone GROUP BY 1, 2
     ON CONFLICT (quarter, organisation_id) DO UPDATE SET refused = c.refused + excluded.refused`,
    values,
  );
}

/** The end users of awaited payloads that an erasure by end user may have named. */
async function endUsers(parts: StatedParts, page: number[]): Promise<Map<number, string>> {
  const { rows } = await parts.pool.query<{ leaf_index: bigint; request_id: string }>(
    `SELECT DISTINCT n.leaf_index, n.request_id FROM ${AWAITED} n, vault_erasure e
     WHERE n.request_id IS NOT NULL AND e.cause = 'asked' AND e.end_user IS NOT NULL AND ${NAMED_OTHERWISE}
     ORDER BY n.leaf_index DESC LIMIT ${MAX_LOOKED_UP}`,
    page,
  );
  const found = new Map<number, string>();
  for (const { leaf_index: leaf, request_id: requestId } of rows) {
    const [request] = await findEvents(parts, { requestId, type: 'tollgate.request.v1' }, ANYWHERE, {
      limit: 1,
    });
    const endUser = request === undefined ? undefined : textAt(objectAt(request.event, 'data'), 'end_user');
    if (endUser !== undefined) found.set(Number(leaf), endUser);
  }
  return found;
}
