import type { Pool } from '@tollgate/database';
import { AuditError } from '../errors.ts';
import type { TileStore } from './tile-store.ts';

/** A published checkpoint. */
export interface Publication {
  readonly size: number;
  readonly root: Buffer;
  /** The signed note. */
  readonly checkpoint: string;
}

type Row = { size: bigint; root: Buffer | null; checkpoint: string | null };

/** The newest checkpoint; null before the first. */
export async function readPublication(pool: Pool): Promise<Publication | null> {
  const { rows } = await pool.query<Row>({
    name: 'audit-publication',
    text: 'SELECT size, root, checkpoint FROM log_publication',
  });
  const row = rows[0];
  if (row === undefined) throw new AuditError('log_inconsistent', 'log_publication holds no row: restore it');
  const { size, root, checkpoint } = row;
  return root === null || checkpoint === null ? null : { size: Number(size), root, checkpoint };
}

/**
 * Publishes a checkpoint, unless a newer one has been published meanwhile. Needs no fence: whoever publishes signs what
 * was committed, and what is committed is one history.
 * @throws AuditError `log_forked` where another root is published for that size
 */
export async function publish(pool: Pool, { size, root, checkpoint }: Publication): Promise<void> {
  const { rowCount } = await pool.query({
    name: 'audit-publish',
    text: `UPDATE log_publication SET size = $1, root = $2, checkpoint = $3, published_at = now()
           WHERE size < $1 OR (size = $1 AND (root = $2 OR root IS NULL))`,
    values: [size, root, checkpoint],
  });
  if (rowCount === 1) return;
  const newest = await readPublication(pool);
  if (newest?.size === size) {
    throw new AuditError('log_forked', `another root was published for the log's ${size} entries`);
  }
}

/**
 * Puts the newest checkpoint where static readers look. It is read again afterwards: a writer that was held up between
 * must not leave an old one behind.
 */
export async function exposeNewest(pool: Pool, tiles: TileStore): Promise<void> {
  let exposed: string | null = null;
  for (;;) {
    const newest = await readPublication(pool);
    if (newest === null || newest.checkpoint === exposed) return;
    await tiles.writeCheckpoint(newest.checkpoint);
    exposed = newest.checkpoint;
  }
}
