import type { Pool } from '@tollgate/database';
import { leafHash } from '@tollgate/transparency-log';
import { archivedFrom } from '../archive/replay.ts';
import type { SegmentStore } from '../archive/segment-store.ts';
import { AuditError } from '../errors.ts';
import { encodeLeaf, sha256 } from '../log/leaf.ts';

type Row = { leaf_index: bigint; sequence: bigint; type: string; source: string; leaf_hash: Buffer };

/**
 * The entries of the log from one leaf up to, but without, another, made anew from index and archive and held against
 * the leaf hashes of the index.
 * @throws AuditError `archive_corrupt`, `archive_truncated`, `log_inconsistent`
 */
export async function archivedEntries(
  parts: { readonly pool: Pool; readonly store: SegmentStore },
  firstLeaf: number,
  endLeaf: number,
): Promise<Buffer[]> {
  const { rows } = await parts.pool.query<Row>(
    `SELECT e.leaf_index, e.sequence, e.type, s.name AS source, e.leaf_hash
     FROM entry e JOIN source s USING (source_id) WHERE e.leaf_index >= $1 AND e.leaf_index < $2
     ORDER BY e.leaf_index`,
    [firstLeaf, endLeaf],
  );
  if (rows.length !== endLeaf - firstLeaf) {
    throw new AuditError('log_inconsistent', `the index lacks leaves between ${firstLeaf} and ${endLeaf}`);
  }
  const entries: Buffer[] = [];
  for await (const { leafIndex, salt, bytes } of archivedFrom(parts, firstLeaf, endLeaf)) {
    const row = rows[leafIndex - firstLeaf];
    if (row === undefined) throw new AuditError('log_inconsistent', `leaf ${leafIndex} is not in the index`);
    const entry = encodeLeaf({
      sourceDigest: sha256(row.source),
      sequence: Number(row.sequence),
      type: row.type,
      eventDigest: sha256(Buffer.concat([salt, bytes])),
    });
    if (!row.leaf_hash.equals(leafHash(entry))) {
      throw new AuditError(
        'archive_corrupt',
        `leaf ${leafIndex} in archive and index is not what was hashed: one of them was changed`,
      );
    }
    entries.push(entry);
  }
  return entries;
}
