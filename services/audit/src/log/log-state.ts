import type { Pool, Transaction } from '@tollgate/database';
import { AuditError } from '../errors.ts';

/** How far the log has come, as Postgres has it. */
export interface LogState {
  readonly epoch: number;
  /** Leaves. */
  readonly size: number;
  /** 0: none yet. */
  readonly segmentId: number;
  /** Bytes of the last segment that are part of the log. */
  readonly segmentBytes: number;
  /** Of the tree of `size` leaves; null where the log is older than its tree. */
  readonly root: Buffer | null;
}

type Row = {
  epoch: bigint;
  size: bigint;
  segment_id: number;
  segment_bytes: number;
  root: Buffer | null;
  root_size: bigint;
};

const COLUMNS = 'epoch, size, segment_id, segment_bytes, root, root_size';

/** The state as it stands; readers use it to know where the archive ends. */
export async function readLogState(pool: Pick<Transaction, 'query'>): Promise<LogState> {
  const { rows } = await pool.query<Row>(`SELECT ${COLUMNS} FROM log_state`);
  return stateOf(rows[0]);
}

/** Begins an epoch: from here on every earlier leader's commit is refused. */
export async function beginEpoch(pool: Pool): Promise<LogState> {
  const { rows } = await pool.query<Row>(
    `UPDATE log_state SET epoch = epoch + 1, updated_at = now() RETURNING ${COLUMNS}`,
  );
  return stateOf(rows[0]);
}

/**
 * Moves the log from one state to the next, if it is still where this leader left it.
 * @throws AuditError `leadership_lost` where it is not
 */
export async function advance(tx: Transaction, from: LogState, to: LogState): Promise<void> {
  const { rowCount } = await tx.query({
    name: 'audit-log-advance',
    text: `UPDATE log_state SET size = $1, segment_id = $2, segment_bytes = $3, root = $8, root_size = $1, updated_at = now()
           WHERE epoch = $4 AND size = $5 AND segment_id = $6 AND segment_bytes = $7`,
    values: [
      to.size,
      to.segmentId,
      to.segmentBytes,
      from.epoch,
      from.size,
      from.segmentId,
      from.segmentBytes,
      to.root,
    ],
  });
  if (rowCount !== 1) throw leadershipLost();
}

/**
 * Notes the root of the state that an epoch began with, where it had none.
 * @throws AuditError `leadership_lost`
 */
export async function noteRoot(pool: Pool, state: LogState): Promise<void> {
  const { rowCount } = await pool.query(
    'UPDATE log_state SET root = $1, root_size = size WHERE epoch = $2 AND size = $3',
    [state.root, state.epoch, state.size],
  );
  if (rowCount !== 1) throw leadershipLost();
}

function leadershipLost(): AuditError {
  return new AuditError('leadership_lost', 'another integrator has begun a new epoch: this one lets go');
}

function stateOf(row: Row | undefined): LogState {
  if (row === undefined) throw new AuditError('log_inconsistent', 'log_state holds no row: restore it');
  return {
    epoch: Number(row.epoch),
    size: Number(row.size),
    segmentId: row.segment_id,
    segmentBytes: row.segment_bytes,
    root: row.root_size === row.size ? row.root : null,
  };
}
