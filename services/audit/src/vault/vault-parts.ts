import type { Pool } from '@tollgate/database';
import type { Logger } from '@tollgate/telemetry';
import type { ErasureLedger } from './erasure/ledger.ts';
import type { BodyStore } from './intake/bodies.ts';
import type { KeySlots } from './keys/key-slots.ts';
import type { MasterKey } from './keys/master-key.ts';
import type { SealingKeys } from './keys/sealing-keys.ts';
import type { TeamDayKeys } from './keys/team-day-keys.ts';
import type { VaultObserver } from './vault-metrics.ts';

/** What every part of the vault works with. */
export interface VaultParts {
  readonly pool: Pool;
  /** Encrypted bodies. */
  readonly bodies: BodyStore;
  /** Payloads' keys, wrapped. */
  readonly payloadKeys: KeySlots;
  readonly teamDays: TeamDayKeys;
  readonly sealing: SealingKeys;
  readonly master: MasterKey;
  /** What was erased, apart from the database. */
  readonly ledger: ErasureLedger;
  readonly settings: VaultSettings;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly observer: VaultObserver;
}

export interface VaultSettings {
  /** Of payloads whose policy says nothing. */
  readonly retentionDays: number;
  /** Whether a second person has to approve each reveal. */
  readonly revealNeedsApproval: boolean;
  /** What `--verify` reads through for what was erased: the vault's own folder, the archive, and what is configured. */
  readonly verifyFolders: readonly string[];
}
