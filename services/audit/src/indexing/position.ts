import type { Transaction } from '@tollgate/database';
import { AuditError } from '../errors.ts';

/** How far the index has come. */
export interface IndexPosition {
  /** Leaves that are indexed. */
  readonly size: number;
  /** The published checkpoint of exactly these; null where the indexer is between two. */
  readonly checkpoint: string | null;
}

type Row = { size: bigint; checkpoint: string | null };

/** Where the indexer stands. */
export async function readPosition(pool: Pick<Transaction, 'query'>): Promise<IndexPosition> {
  const { rows } = await pool.query<Row>('SELECT size, checkpoint FROM index_position');
  return positionOf(rows[0]);
}

/** The same, for the one who is about to move it; null where another is just doing so. */
export async function takePosition(tx: Transaction): Promise<IndexPosition | null> {
  const { rows } = await tx.query<Row>('SELECT size, checkpoint FROM index_position FOR UPDATE SKIP LOCKED');
  return rows[0] === undefined ? null : positionOf(rows[0]);
}

/** Moves the position, which this transaction has taken. */
export async function movePosition(tx: Transaction, { size, checkpoint }: IndexPosition): Promise<void> {
  await tx.query('UPDATE index_position SET size = $1, checkpoint = $2, indexed_at = now()', [
    size,
    checkpoint,
  ]);
}

function positionOf(row: Row | undefined): IndexPosition {
  if (row === undefined) throw new AuditError('log_inconsistent', 'index_position holds no row: restore it');
  return { size: Number(row.size), checkpoint: row.checkpoint };
}
