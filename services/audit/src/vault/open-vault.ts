import path from 'node:path';
import { assertMigrated, type Pool } from '@tollgate/database';
import { auditMigrations } from '../migrations.ts';
import { openErasureLedger } from './erasure/ledger.ts';
import { openFileBodies } from './intake/bodies.ts';
import { KeySlots } from './keys/key-slots.ts';
import { type MasterKey, masterKeyFromText, openMasterKeyFile } from './keys/master-key.ts';
import { SealingKeys } from './keys/sealing-keys.ts';
import { TeamDayKeys } from './keys/team-day-keys.ts';
import { UNOBSERVED } from './vault-metrics.ts';
import type { VaultParts, VaultSettings } from './vault-parts.ts';

/** A wrapped payload key has 60 bytes; what a key management service makes of a key may have hundreds. */
const PAYLOAD_SLOT_BYTES = 64;
const TEAM_DAY_SLOT_BYTES = 512;

export interface VaultConfig extends VaultSettings {
  /** Bodies, keys and ledger lie here, each where its name says. */
  readonly folder: string;
  /** Master keys themselves, the file that holds them, or a service that keeps them. */
  readonly masterKey: { readonly text: string } | { readonly file: string } | { readonly service: MasterKey };
  readonly ledgerFile: string;
}

/**
 * The vault on files. Makes its keys where nothing was ever stored.
 * @throws AuditError `vault_key`; DatabaseError `not_migrated`
 */
export async function openVault(
  config: VaultConfig,
  parts: Pick<VaultParts, 'pool' | 'now' | 'logger'> & Partial<Pick<VaultParts, 'observer'>>,
): Promise<VaultParts> {
  const { pool, now, logger, observer = UNOBSERVED } = parts;
  await assertMigrated({ pool, ...auditMigrations });
  const { folder } = config;
  const bodies = await openFileBodies(path.join(folder, 'bodies'));
  const payloadKeys = await KeySlots.open(path.join(folder, 'payload-keys'), PAYLOAD_SLOT_BYTES);
  const slots = await KeySlots.open(path.join(folder, 'team-day-keys'), TEAM_DAY_SLOT_BYTES);
  const master = await masterKeyOf(config, pool);
  return {
    pool,
    bodies,
    payloadKeys,
    master,
    teamDays: new TeamDayKeys({ pool, slots, master }),
    sealing: await SealingKeys.open(path.join(folder, 'sealing.keys'), master),
    ledger: await openErasureLedger(config.ledgerFile),
    settings: config,
    now,
    logger,
    observer,
  };
}

async function masterKeyOf({ masterKey }: VaultConfig, pool: Pool): Promise<MasterKey> {
  if ('service' in masterKey) return masterKey.service;
  if ('text' in masterKey) return masterKeyFromText(masterKey.text);
  const { rows } = await pool.query('SELECT FROM vault_team_day WHERE wiped_at IS NULL LIMIT 1');
  return openMasterKeyFile(masterKey.file, rows.length > 0);
}
