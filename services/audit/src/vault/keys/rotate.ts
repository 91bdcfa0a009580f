import { transaction } from '@tollgate/database';
import { type Actor, recordAction } from '../admin-events.ts';
import { lockVault } from '../lock-vault.ts';
import type { VaultParts } from '../vault-parts.ts';

export interface Rotation {
  /** Keys of teams and days that another master key wraps now. */
  readonly rewrapped: number;
  /** Whether the older master keys are gone; false where they come from the environment, and have to be taken out there. */
  readonly oldKeysDestroyed: boolean;
}

/**
 * Has another master key wrap the keys of teams and days, and destroys the ones before; no payload is touched. Every older
 * copy of the key files is worthless from then on. Gateways get another key to seal to, too; what was sealed to the one
 * before can still be opened. Harmless to do again where it was cut off.
 */
export async function rotateKeys(
  vault: VaultParts,
  { actor, reason }: { readonly actor: Actor; readonly reason: string },
): Promise<Rotation> {
  const { pool, master, teamDays, sealing, now } = vault;
  await master.renew();
  return transaction(pool, async (tx) => {
    await lockVault(tx);
    const { rows } = await tx.query<{ slot: bigint }>(
      'SELECT slot FROM vault_team_day WHERE wiped_at IS NULL ORDER BY slot',
    );
    let rewrapped = 0;
    for (const { slot } of rows) if (await teamDays.rewrap(Number(slot))) rewrapped += 1;
    await sealing.rotate();
    const oldKeysDestroyed = await master.destroyOthers();
    await recordAction(tx, now(), {
      actor,
      action: 'payload-key.rotate',
      target: 'payload-vault',
      reason,
      details: { rewrapped, old_keys_destroyed: oldKeysDestroyed },
    });
    return { rewrapped, oldKeysDestroyed };
  });
}
