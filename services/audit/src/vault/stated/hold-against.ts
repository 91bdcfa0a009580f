import { type Pool, type Transaction, transaction } from '@tollgate/database';
import { archivedFrom } from '../../archive/replay.ts';
import type { SegmentStore } from '../../archive/segment-store.ts';
import { AuditError } from '../../errors.ts';
import { readPosition } from '../../indexing/position.ts';
import { type StatedPayload, statedBy } from './statements.ts';

export interface StatedParts {
  readonly pool: Pool;
  readonly store: SegmentStore;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Leaves looked at in one transaction at most. */
const MAX_LEAVES = 20_000;

/**
 * Holds what the next leaves state of payloads against the vault, up to what is indexed. What is not there is awaited.
 * Any number of processes may: the position's row lets one of them.
 *
 * @returns the leaves looked at; 0 where there is nothing to do, or another is at it
 */
export async function holdAgainst(parts: StatedParts): Promise<number> {
  const { pool, now } = parts;
  const from = await readStatedSize(pool);
  const end = Math.min((await readPosition(pool)).size, from + MAX_LEAVES);
  if (end <= from) return 0;
  const stated: StatedPayload[] = [];
  for await (const { leafIndex, bytes } of archivedFrom(parts, from, end)) {
    stated.push(...statedBy(leafIndex, bytes));
  }
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ size: bigint }>(
      'SELECT size FROM stated_position FOR UPDATE SKIP LOCKED',
    );
    if (Number(rows[0]?.size ?? -1) !== from) return 0;
    if (stated.length > 0) {
      await count(tx, stated);
      await awaitAbsent(tx, stated, now());
    }
    await tx.query('UPDATE stated_position SET size = $1', [end]);
    return end - from;
  });
}

/** Leaves whose statements are counted. */
export async function readStatedSize(database: Pick<Transaction, 'query'>): Promise<number> {
  const { rows } = await database.query<{ size: bigint }>('SELECT size FROM stated_position');
  if (rows[0] === undefined) {
    throw new AuditError('log_inconsistent', 'stated_position holds no row: restore it');
  }
  return Number(rows[0].size);
}

async function count(tx: Transaction, stated: readonly StatedPayload[]): Promise<void> {
  await tx.query(
    `INSERT INTO stated_count AS c (quarter, organisation_id, stated, not_kept, refused)
     SELECT date_bin('15 minutes', to_timestamp(ms / 1000), 'epoch'), organisation_id, count(*) FILTER (WHERE kept),
            count(*) FILTER (WHERE NOT kept), 0
     FROM unnest($1::float8[], $2::text[], $3::bool[]) AS g (ms, organisation_id, kept) GROUP BY 1, 2
     ON CONFLICT (quarter, organisation_id) DO UPDATE
     SET stated = c.stated + excluded.stated, not_kept = c.not_kept + excluded.not_kept`,
    [
      stated.map(({ requestedMs }) => requestedMs),
      stated.map(({ organisationId }) => organisationId),
      stated.map(({ digest }) => digest !== null),
    ],
  );
}

/** Whatever the vault has not, or has otherwise. What is just arriving is not there yet. */
async function awaitAbsent(tx: Transaction, stated: readonly StatedPayload[], nowMs: number): Promise<void> {
  const promised = stated.filter(({ digest }) => digest !== null);
  await tx.query(
    `INSERT INTO stated_awaited (leaf_index, direction, request_id, organisation_id, team_id, principal_id, requested_at,
                                 digest, awaited_since, differs)
     SELECT g.leaf_index, g.direction, g.request_id, g.organisation_id, g.team_id, g.principal_id,
            to_timestamp(g.ms / 1000), decode(g.digest, 'hex'), to_timestamp($9::float8 / 1000), p.digest IS NOT NULL
     FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::text[])
            AS g (leaf_index, direction, request_id, organisation_id, team_id, principal_id, ms, digest)
     LEFT JOIN vault_payload p ON p.request_id = g.request_id AND p.direction = g.direction AND p.state <> 'arriving'
     WHERE p.digest IS DISTINCT FROM decode(g.digest, 'hex')
     ON CONFLICT DO NOTHING`,
    [
      promised.map(({ leafIndex }) => leafIndex),
      promised.map(({ direction }) => direction),
      promised.map(({ requestId }) => requestId),
      promised.map(({ organisationId }) => organisationId),
      promised.map(({ teamId }) => teamId),
      promised.map(({ principalId }) => principalId),
      promised.map(({ requestedMs }) => requestedMs),
      promised.map(({ digest }) => digest),
      nowMs,
    ],
  );
}
