import type { Pool, Transaction } from '@tollgate/database';

/** A checkpoint that is kept at least so long after the one before it. */
export const KEEP_EVERY_MS = 60 * 60_000;

/** Keeps a checkpoint, where the last one that was kept is an hour old. */
export async function keepCheckpoint(
  tx: Transaction,
  { size, checkpoint }: { readonly size: number; readonly checkpoint: string },
  nowMs: number,
): Promise<void> {
  await tx.query(
    `INSERT INTO kept_checkpoint (size, checkpoint, kept_at)
     SELECT $1, $2, to_timestamp($3::float8 / 1000)
     WHERE $1 > coalesce((SELECT max(size) FROM kept_checkpoint), 0)
       AND NOT EXISTS (SELECT FROM kept_checkpoint WHERE kept_at > to_timestamp(($3::float8 - ${KEEP_EVERY_MS}) / 1000))`,
    [size, checkpoint, nowMs],
  );
}

/** The newest kept checkpoint of at most so many leaves; null where there is none. */
export async function keptCheckpoint(
  pool: Pool,
  maxSize: number,
): Promise<{ readonly size: number; readonly checkpoint: string } | null> {
  const { rows } = await pool.query<{ size: bigint; checkpoint: string }>(
    'SELECT size, checkpoint FROM kept_checkpoint WHERE size <= $1 ORDER BY size DESC LIMIT 1',
    [maxSize],
  );
  const row = rows[0];
  return row === undefined ? null : { size: Number(row.size), checkpoint: row.checkpoint };
}
