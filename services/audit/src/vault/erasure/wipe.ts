import { type Transaction, transaction } from '@tollgate/database';
import type { VaultParts } from '../vault-parts.ts';

/** Payloads whose keys are wiped together. */
const PAGE = 2000;

interface ErasedRow {
  readonly slot: bigint;
  readonly object: string;
  readonly object_offset: number;
  readonly object_bytes: number;
}

/** Acts as the role that erases, until the transaction ends. */
export async function asEraser(tx: Transaction): Promise<void> {
  await tx.query('SET LOCAL ROLE audit_vault_eraser');
}

/**
 * Destroys what an erasure has named: payloads' keys, keys of teams and days that no payload is left of, and the bodies.
 * Idempotent. Everything is gone from the disk when it resolves, and the erasure is marked so.
 *
 * @returns payloads erased
 */
export async function wipeErasure(vault: VaultParts, erasureId: string): Promise<number> {
  const { pool, now } = vault;
  let count = 0;
  for (let after = -1n; ; ) {
    const { rows } = await pool.query<ErasedRow>(
      `SELECT slot, object, object_offset, object_bytes FROM vault_payload
       WHERE erasure_id = $1 AND slot > $2 ORDER BY slot LIMIT ${PAGE}`,
      [erasureId, String(after)],
    );
    const last = rows.at(-1);
    if (last === undefined) break;
    await wipePayloads(vault, rows);
    count += rows.length;
    after = last.slot;
  }
  const { rows: days } = await pool.query<{ slot: bigint }>(
    `SELECT slot FROM vault_team_day d WHERE wiped_at IS NOT NULL
       AND EXISTS (SELECT FROM vault_payload p WHERE p.erasure_id = $1 AND p.team_day = d.slot)`,
    [erasureId],
  );
  await vault.teamDays.wipe(days.map(({ slot }) => Number(slot)));
  await transaction(pool, async (tx) => {
    await asEraser(tx);
    await tx.query('UPDATE vault_erasure SET wiped_at = $2 WHERE erasure_id = $1', [
      erasureId,
      new Date(now()).toISOString(),
    ]);
  });
  return count;
}

/** Keys first: without them nothing else matters. An object that nothing is left of is removed. */
export async function wipePayloads(vault: VaultParts, rows: readonly ErasedRow[]): Promise<void> {
  const { pool, payloadKeys, bodies } = vault;
  await payloadKeys.wipe(rows.map(({ slot }) => Number(slot)));
  const objects = [...new Set(rows.map(({ object }) => object))];
  const { rows: needed } = await pool.query<{ object: string }>(
    "SELECT DISTINCT object FROM vault_payload WHERE object = ANY($1::text[]) AND state <> 'erased'",
    [objects],
  );
  const inUse = new Set(needed.map(({ object }) => object));
  for (const [object, group] of Map.groupBy(rows, (row) => row.object)) {
    if (!inUse.has(object)) await bodies.remove(object);
    else {
      await bodies.wipe(
        object,
        group.map((row) => ({ offset: row.object_offset, bytes: row.object_bytes })),
      );
    }
  }
}
