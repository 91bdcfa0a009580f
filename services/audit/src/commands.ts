import { assertMigrated } from '@tollgate/database';
import {
  runService,
  type Service,
  type ServiceParts,
  type StartService,
  serviceStart,
  stopInOrder,
} from '@tollgate/http';
import { CHECKPOINT_PATH } from '@tollgate/transparency-log';
import { Command } from 'commander';
import { createAudit } from './app.ts';
import { completenessCommand } from './completeness/commands.ts';
import { type AuditConfig, readAuditConfig } from './config.ts';
import { verifyCommand } from './evidence/verify-command.ts';
import { exportCommand } from './exports/command.ts';
import { fsckCommand } from './fsck/command.ts';
import { rebuildCommand } from './indexing/rebuild-command.ts';
import { auditMigrations } from './migrations.ts';
import { openStores } from './object-store/open-stores.ts';
import { searchCommand } from './search/command.ts';
import { lossCommand } from './sources/loss-command.ts';
import { proofCommands } from './tree/commands.ts';
import { type LogSigners, openLogSigners, readLogSigners } from './tree/log-signers.ts';
import { readPublication } from './tree/publication.ts';
import type { TileStore } from './tree/tile-store.ts';
import { vaultCommands } from './vault/commands/vault-commands.ts';
import { openVault } from './vault/open-vault.ts';
import { vaultMetrics } from './vault/vault-metrics.ts';

const NAME = 'audit';

/**
 * `tollgate audit run`, `search`, `completeness`, `export`, `loss`, `key`, `prove`, `verify`, `fsck` and `rebuild`, and what there is for the
 * payload vault.
 */
export function auditCommand(): Command {
  const command = new Command(NAME).description('the audit trail');
  command
    .command('run')
    .description('run the service; configured by environment variables')
    .action(() => runService(NAME, startAudit));
  command.addCommand(searchCommand());
  command.addCommand(completenessCommand());
  command.addCommand(exportCommand());
  command.addCommand(lossCommand());
  for (const each of proofCommands()) command.addCommand(each);
  command.addCommand(verifyCommand());
  command.addCommand(fsckCommand());
  command.addCommand(rebuildCommand());
  for (const each of vaultCommands()) command.addCommand(each);
  return command;
}

/** The service with everything it needs, from its environment. */
export const startAudit: StartService = serviceStart(NAME, readAuditConfig, createOnStores);

/** The service with its archive and its tiles where the configuration has them. */
async function createOnStores(parts: ServiceParts & AuditConfig): Promise<Service> {
  const { store, tiles } = await openStores(parts);
  try {
    const signers = await signersOf(parts, tiles);
    const vault = await openVault(parts.vault, {
      pool: parts.pool,
      now: parts.now ?? Date.now,
      logger: parts.logger,
      observer: vaultMetrics(parts.metrics, { pool: parts.pool, now: parts.now ?? Date.now }),
    });
    const audit = await createAudit({ ...parts, store, tiles, signers, vault });
    return { ...audit, stop: () => stopInOrder([{ stop: () => store.close() }, audit]).stop() };
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function signersOf(
  { logKey, logOrigin, pool }: ServiceParts & AuditConfig,
  tiles: TileStore,
): Promise<LogSigners> {
  if ('text' in logKey) return readLogSigners(logKey.text, logOrigin);
  await assertMigrated({ pool, ...auditMigrations });
  const begun = (await tiles.read(CHECKPOINT_PATH)) !== undefined || (await readPublication(pool)) !== null;
  return openLogSigners(logKey.file, { origin: logOrigin, begun });
}
