import type { LogReader, WrittenResource } from '@tollgate/transparency-log';

/**
 * Where the log's tiles, entry bundles and checkpoint live, by their tlog-tiles paths. Tiles are made from committed
 * entries alone, so that whoever writes one writes the same bytes: writing again is harmless, and any number of
 * processes may.
 */
export interface TileStore extends LogReader {
  /**
   * Resolves when all of them can be read and survive a loss of power. None is ever seen in part. `full` ones are for
   * ever, which a store may enforce.
   * @throws AuditError `log_forked` where one is there already with other bytes
   */
  write(resources: readonly WrittenResource[]): Promise<void>;
  /** Puts a checkpoint in the place of the last one, in one step. */
  writeCheckpoint(note: string): Promise<void>;
  /** Removes the partial versions of the full ones among these, which nobody needs any more. */
  discardPartials(resources: readonly WrittenResource[]): Promise<void>;
}
