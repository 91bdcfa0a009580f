import { enqueue } from '@tollgate/bus';
import { type Pool, type Transaction, transaction } from '@tollgate/database';
import { uuidV7 } from '@tollgate/events';
import { HttpProblem, PROBLEMS, type Principal } from '@tollgate/http';
import { LOSS_PROBLEMS } from '../errors.ts';
import { standing, storedSource } from './source-state.ts';

/** A source that somebody has acknowledged to be lost for good. Instants are RFC 3339. */
export interface Loss {
  /** Of the admin event that says so: `audit prove` proves it. */
  readonly event_id: string;
  readonly source: string;
  /** The greatest number that was known of it. */
  readonly known_through: number;
  /** Numbers up to there that were not in the log. */
  readonly missing: number;
  readonly heard_at: string;
  /** Since when it wrote nothing; what it may have written before is lost. */
  readonly dead_since: string;
  readonly acknowledged_at: string;
  readonly acknowledged_by: string;
  readonly reason: string;
  /** `recorded`: its event is not in the log yet. `void`: the source was heard of again, and answers for itself. */
  readonly state: 'recorded' | 'in-force' | 'void';
}

/** Losses that one statement names, the latest. There is one per gateway whose disk was lost. */
const MAX_LOSSES = 1_000;

interface Acknowledgement {
  readonly principal: Principal;
  readonly source: string;
  readonly reason: string;
  /** Epoch milliseconds; unless given, now. */
  readonly deadSinceMs?: number;
}

/**
 * Records that a source is lost for good: it is lost, or lacks numbers, and nobody can start its spool again.
 * @throws HttpProblem `not_found`, `source_not_lost`, `loss_acknowledged`, `unprocessable` for an instant before its last word
 */
export async function acknowledgeLoss(
  {
    pool,
    now,
    sourceLostAfterMs,
  }: { readonly pool: Pool; readonly now: () => number; readonly sourceLostAfterMs: number },
  { principal, source, reason, deadSinceMs }: Acknowledgement,
): Promise<Loss> {
  const nowMs = now();
  return transaction(pool, async (tx) => {
    await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('tollgate.source-loss', 0))");
    const { rows } = await tx.query<{ state: unknown }>(
      'SELECT state FROM source JOIN source_state USING (source_id) WHERE name = $1',
      [source],
    );
    if (rows[0] === undefined)
      throw new HttpProblem(PROBLEMS.notFound, 'nothing was ever heard of that source');
    const state = storedSource.parse(rows[0].state);
    if (
      standing(state, nowMs, sourceLostAfterMs) !== 'lost' &&
      (state.ended === null || state.absent === 0)
    ) {
      throw new HttpProblem(
        LOSS_PROBLEMS.notLost,
        'it was heard of lately, or has ended with nothing missing: there is no loss to acknowledge',
      );
    }
    if ((await readLosses(tx, source)).some((loss) => loss.state !== 'void')) {
      throw new HttpProblem(
        LOSS_PROBLEMS.acknowledged,
        'it was acknowledged before: see GET /v1/sources/losses',
      );
    }
    const deadMs = deadSinceMs ?? nowMs;
    if (deadMs < state.heardMs || deadMs > nowMs) {
      throw new HttpProblem(
        PROBLEMS.unprocessable,
        `dead_since has to lie between its last word, ${instant(state.heardMs)}, and now`,
      );
    }
    const loss: Loss = {
      event_id: uuidV7(nowMs),
      source,
      known_through: Math.max(state.through, state.greatest),
      missing: state.absent,
      heard_at: instant(state.heardMs),
      dead_since: instant(deadMs),
      acknowledged_at: instant(nowMs),
      acknowledged_by: `${principal.type}:${principal.id}`,
      reason,
      state: 'recorded',
    };
    await insert(tx, loss);
    await enqueue(tx, [eventOf(loss, principal)]);
    return loss;
  });
}

/** Acknowledged losses, the latest first, and whether they count. */
export async function readLosses(
  database: Pick<Transaction, 'query'>,
  source: string | null = null,
): Promise<Loss[]> {
  const { rows } = await database.query<
    Omit<Loss, 'known_through' | 'missing'> & { known_through: bigint; missing: bigint }
  >(
    `SELECT l.event_id, l.source, known_through, missing, heard_at, dead_since, acknowledged_at, acknowledged_by, reason,
            CASE WHEN (s.state->>'heardMs')::float8 > extract(epoch FROM acknowledged_at) * 1000
                   OR s.state->>'ended' = 'superseded' AND NOT s.has_missing THEN 'void'
                 WHEN e.event_id IS NULL THEN 'recorded' ELSE 'in-force' END AS state
     FROM source_loss l JOIN source n ON n.name = l.source JOIN source_state s USING (source_id)
     LEFT JOIN entry e ON e.event_id = l.event_id AND e.type = 'tollgate.admin.v1'
       AND e.leaf_index < (SELECT size FROM index_position)
     WHERE $1::text IS NULL OR l.source = $1 ORDER BY acknowledged_at DESC LIMIT ${MAX_LOSSES}`,
    [source],
  );
  return rows.map((row) => ({
    ...row,
    known_through: Number(row.known_through),
    missing: Number(row.missing),
    heard_at: instant(Date.parse(row.heard_at)),
    dead_since: instant(Date.parse(row.dead_since)),
    acknowledged_at: instant(Date.parse(row.acknowledged_at)),
  }));
}

async function insert(tx: Transaction, loss: Loss): Promise<void> {
  const { state: _, ...row } = loss;
  await tx.query(
    `INSERT INTO source_loss (event_id, source, known_through, missing, heard_at, dead_since, acknowledged_at,
                              acknowledged_by, reason)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      row.event_id,
      row.source,
      row.known_through,
      row.missing,
      row.heard_at,
      row.dead_since,
      row.acknowledged_at,
      row.acknowledged_by,
      row.reason,
    ],
  );
}

function eventOf(loss: Loss, { type, id }: Principal) {
  const {
    event_id: eventId,
    source,
    known_through,
    missing,
    heard_at,
    dead_since,
    acknowledged_at: time,
    reason,
  } = loss;
  return {
    key: source,
    draft: {
      type: 'tollgate.admin.v1' as const,
      id: eventId,
      subject: source,
      time,
      data: {
        actor: { type, id },
        organisation_id: null,
        action: 'source-loss.acknowledge',
        target: source,
        outcome: 'done' as const,
        code: null,
        reason,
        details: { known_through, missing, heard_at, dead_since },
      },
    },
  };
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
