import { randomUUID } from 'node:crypto';
import { type Pool, transaction } from '@tollgate/database';
import { HttpProblem, PROBLEMS } from '@tollgate/http';
import { VAULT_PROBLEMS } from '../errors.ts';
import { type Actor, nameOf, recordAction } from './admin-events.ts';
import { lockVault } from './lock-vault.ts';
import { type PayloadScope, SCOPE_COLUMNS, type ScopeRow, scopeOfRow, scopeValues } from './scope.ts';

export interface Hold {
  readonly hold_id: string;
  readonly scope: PayloadScope;
  readonly reason: string;
  readonly placed_by: string;
  readonly placed_at: string;
  readonly released_by: string | null;
  readonly released_at: string | null;
}

interface HoldRow extends ScopeRow {
  readonly hold_id: string;
  readonly reason: string;
  readonly placed_by: string;
  readonly placed_at: string;
  readonly released_by: string | null;
  readonly released_at: string | null;
}

interface Parts {
  readonly pool: Pool;
  readonly now: () => number;
}

const COLUMNS = `hold_id, ${SCOPE_COLUMNS}, reason, placed_by, placed_at, released_by, released_at`;
/** Holds listed at most. */
const MAX_LISTED = 1000;

/** Keeps payloads, those to come included, from erasure and from the end of their retention. */
export async function placeHold(
  { pool, now }: Parts,
  { actor, scope, reason }: { readonly actor: Actor; readonly scope: PayloadScope; readonly reason: string },
): Promise<Hold> {
  const holdId = randomUUID();
  const nowMs = now();
  return transaction(pool, async (tx) => {
    // After an erasure that is under way, or before it; never in its middle.
    await lockVault(tx);
    const { rows } = await tx.query<HoldRow>(
      `INSERT INTO vault_hold (${SCOPE_COLUMNS}, hold_id, reason, placed_by, placed_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING ${COLUMNS}`,
      [...scopeValues(scope), holdId, reason, nameOf(actor), new Date(nowMs).toISOString()],
    );
    await recordAction(tx, nowMs, {
      actor,
      action: 'payload-hold.place',
      target: `payload-hold/${holdId}`,
      organisationId: scope.organisation ?? null,
      reason,
      details: { scope },
    });
    return viewOf(rows[0]);
  });
}

/** Ends a hold. @throws HttpProblem `not_found`, `hold_released` */
export async function releaseHold(
  { pool, now }: Parts,
  { actor, holdId, reason }: { readonly actor: Actor; readonly holdId: string; readonly reason: string },
): Promise<Hold> {
  const nowMs = now();
  return transaction(pool, async (tx) => {
    await lockVault(tx);
    const { rows } = await tx.query<HoldRow>(
      `UPDATE vault_hold SET released_by = $2, released_at = $3, release_reason = $4
       WHERE hold_id = $1 AND released_at IS NULL RETURNING ${COLUMNS}`,
      [holdId, nameOf(actor), new Date(nowMs).toISOString(), reason],
    );
    if (rows[0] === undefined) {
      const known = await tx.query('SELECT FROM vault_hold WHERE hold_id = $1', [holdId]);
      if (known.rowCount === 0) throw new HttpProblem(PROBLEMS.notFound, 'there is no such hold');
      throw new HttpProblem(VAULT_PROBLEMS.holdReleased, 'the hold was released before; nothing to do');
    }
    const hold = viewOf(rows[0]);
    await recordAction(tx, nowMs, {
      actor,
      action: 'payload-hold.release',
      target: `payload-hold/${holdId}`,
      organisationId: hold.scope.organisation ?? null,
      reason,
      details: { scope: hold.scope },
    });
    return hold;
  });
}

/** The latest holds, those in force first. */
export async function listHolds({ pool }: Parts): Promise<Hold[]> {
  const { rows } = await pool.query<HoldRow>(
    `SELECT ${COLUMNS} FROM vault_hold ORDER BY released_at IS NOT NULL, placed_at DESC LIMIT ${MAX_LISTED}`,
  );
  return rows.map(viewOf);
}

function viewOf(row: HoldRow | undefined): Hold {
  if (row === undefined) throw new Error('a hold that was written did not come back');
  const { hold_id, reason, placed_by, placed_at, released_by, released_at } = row;
  return { hold_id, scope: scopeOfRow(row), reason, placed_by, placed_at, released_by, released_at };
}
