import path from 'node:path';
import { ConfigError, flag, wholeNumber } from '@tollgate/http';
import { z } from 'zod';
import { AuditError } from '../errors.ts';
import { masterKeyFromText } from './keys/master-key.ts';
import type { VaultConfig } from './open-vault.ts';

/** What the environment says of the vault. */
export const vaultVariables = {
  /** Where prompts and answers are kept, encrypted, with the keys that open them; `vault` beside the archive unless given. */
  AUDIT_VAULT_FOLDER: z.string().min(1).optional(),
  /** Master keys of the vault, one a line: the first wraps, the others open what they wrapped before. */
  AUDIT_VAULT_MASTER_KEY: z.string().optional(),
  /** The file that holds them; `master.key` in the vault's folder unless given, where one is made at the first start. */
  AUDIT_VAULT_MASTER_KEY_FILE: z.string().optional(),
  /** What was ever erased; never to be restored from an older backup. `erasures.ndjson` in the vault's folder unless given. */
  AUDIT_VAULT_LEDGER_FILE: z.string().min(1).optional(),
  /** How long payloads are kept of which the policy says nothing. */
  AUDIT_VAULT_RETENTION_DAYS: wholeNumber(1, 36_500).default(365),
  /** Whether a second person has to approve each reveal. */
  AUDIT_VAULT_REVEAL_APPROVAL: flag.default(false),
  /** More folders, separated by commas, that `--verify` reads for what was erased, such as Postgres' own. */
  AUDIT_VAULT_VERIFY_FOLDERS: z.string().default(''),
} as const;

const variables = z.object(vaultVariables);
type VaultValues = z.output<typeof variables>;

/**
 * @param archiveFolder beside which the vault lies unless told otherwise
 * @throws ConfigError
 */
export function vaultConfigOf(values: VaultValues, archiveFolder: string): VaultConfig {
  const folder = values.AUDIT_VAULT_FOLDER ?? path.join(archiveFolder, '..', 'vault');
  const more = values.AUDIT_VAULT_VERIFY_FOLDERS.split(',').map((each) => each.trim());
  return {
    folder,
    masterKey: masterKeyOf(values, folder),
    ledgerFile: values.AUDIT_VAULT_LEDGER_FILE ?? path.join(folder, 'erasures.ndjson'),
    retentionDays: values.AUDIT_VAULT_RETENTION_DAYS,
    revealNeedsApproval: values.AUDIT_VAULT_REVEAL_APPROVAL,
    verifyFolders: [folder, archiveFolder, ...more.filter((each) => each !== '')],
  };
}

function masterKeyOf(values: VaultValues, folder: string): VaultConfig['masterKey'] {
  const { AUDIT_VAULT_MASTER_KEY: text, AUDIT_VAULT_MASTER_KEY_FILE: file } = values;
  if (text === undefined) return { file: file ?? path.join(folder, 'master.key') };
  if (file !== undefined) {
    throw new ConfigError(
      'AUDIT_VAULT_MASTER_KEY_FILE',
      'is set besides AUDIT_VAULT_MASTER_KEY: set one of the two',
    );
  }
  try {
    masterKeyFromText(text);
  } catch (error) {
    if (error instanceof AuditError) {
      throw new ConfigError('AUDIT_VAULT_MASTER_KEY', `is refused: ${error.message}`);
    }
    throw error;
  }
  return { text };
}
