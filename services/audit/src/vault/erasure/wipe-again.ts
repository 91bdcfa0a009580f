import type { VaultParts } from '../vault-parts.ts';
import { wipePayloads } from './wipe.ts';

const PAGE = 5000;

interface ErasedRow {
  readonly slot: bigint;
  readonly object: string;
  readonly object_offset: number;
  readonly object_bytes: number;
}

/**
 * Wipes keys that are back although the database knows that they were erased: an older backup of the key files was
 * restored. Reads every slot of an erased payload once.
 *
 * @returns how many keys were back
 */
export async function wipeAgain(vault: VaultParts): Promise<number> {
  const { pool, payloadKeys, teamDays, logger } = vault;
  let back = 0;
  for (let after = -1n; ; ) {
    const { rows } = await pool.query<ErasedRow>(
      `SELECT slot, object, object_offset, object_bytes FROM vault_payload
       WHERE state = 'erased' AND slot > $1 ORDER BY slot LIMIT ${PAGE}`,
      [String(after)],
    );
    const last = rows.at(-1);
    if (last === undefined) break;
    const contents = await payloadKeys.read(rows.map(({ slot }) => Number(slot)));
    const restored = rows.filter((_, nth) => contents[nth] !== null && contents[nth] !== undefined);
    if (restored.length > 0) await wipePayloads(vault, restored);
    back += restored.length;
    after = last.slot;
  }
  const { rows: days } = await pool.query<{ slot: bigint }>(
    'SELECT slot FROM vault_team_day WHERE wiped_at IS NOT NULL',
  );
  await teamDays.wipe(days.map(({ slot }) => Number(slot)));
  if (back > 0)
    logger.warn({ keys: back }, 'key files were restored; keys of erased payloads are wiped again');
  return back;
}
