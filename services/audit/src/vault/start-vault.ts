import type { Stoppable } from '@tollgate/http';
import { replayLedger } from './erasure/erase.ts';
import { startRetention } from './erasure/retention.ts';
import { wipeAgain } from './erasure/wipe-again.ts';
import type { VaultParts } from './vault-parts.ts';

/**
 * Does what erasures still ask for, then expires payloads again and again. Nothing is served before the database agrees
 * with the ledger, so that a restored backup never shows what was erased.
 */
export async function startVault(vault: VaultParts): Promise<Stoppable> {
  await replayLedger(vault);
  const retention = startRetention(vault);
  const wiping = wipeAgain(vault).catch((error: unknown) =>
    vault.logger.error({ err: error }, 'keys of erased payloads could not be looked for'),
  );
  return {
    async stop() {
      await retention.stop();
      await wiping;
    },
  };
}
