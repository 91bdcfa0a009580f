import type { ProblemKind } from '@tollgate/http';

export type AuditErrorCode =
  /** A frame of the archive does not hold what its checksum or place says. */
  | 'archive_corrupt'
  /** A segment is missing, or shorter than the log says. */
  | 'archive_truncated'
  /** Another integrator has taken over: this one must stop writing. */
  | 'leadership_lost'
  /** The log and the inbox contradict each other; nothing was committed. */
  | 'log_inconsistent'
  /** A leaf record can't be built from these values. */
  | 'leaf_unencodable'
  /** A checkpoint was published of more than the database holds: an old backup was restored. */
  | 'log_rolled_back'
  /** Tiles or a checkpoint are there that another history made. */
  | 'log_forked'
  /** The search index could not be exchanged, since it is read all the time. */
  | 'index_busy'
  /** The log's signing key is missing, or is not this log's. */
  | 'log_key'
  /** A file of the log could not be fetched. */
  | 'log_unreadable'
  /** The object store can't be used, or refused. */
  | 'object_store'
  /** A witness is named wrongly, or did not do its part. */
  | 'witness'
  /** The vault's master key is missing, or was destroyed, or is none. */
  | 'vault_key'
  /** Files and database of the vault contradict each other. */
  | 'vault_inconsistent'
  /** An evidence bundle is damaged, or does not hold what it says. */
  | 'bundle_invalid'
  /** An event and its proof do not fit each other, or the key. */
  | 'not_proven';

/** Every error that the audit service itself raises outside its HTTP answers. */
export class AuditError extends Error {
  readonly code: AuditErrorCode;

  constructor(code: AuditErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AuditError';
    this.code = code;
  }
}

/** What is refused of acknowledging that a source is lost. */
export const LOSS_PROBLEMS = {
  notLost: { code: 'source_not_lost', status: 409, title: 'The source is not lost' },
  acknowledged: { code: 'loss_acknowledged', status: 409, title: 'The loss was acknowledged before' },
} as const satisfies Record<string, ProblemKind>;

/** What the payload vault refuses besides the problems that every service has. */
export const VAULT_PROBLEMS = {
  legalHold: { code: 'legal_hold', status: 409, title: 'A legal hold keeps what was to be erased' },
  payloadErased: { code: 'payload_erased', status: 410, title: 'The payload was erased' },
  needsApproval: { code: 'needs_approval', status: 409, title: 'A second person has to approve it first' },
  approverNotAllowed: {
    code: 'approver_not_allowed',
    status: 403,
    title: 'A second person has to approve, not who asked',
  },
  settled: { code: 'reveal_settled', status: 409, title: 'The reveal was approved before, or has expired' },
  holdReleased: { code: 'hold_released', status: 409, title: 'The hold was released before' },
  batchMalformed: { code: 'batch_malformed', status: 400, title: 'The body is no batch of payloads' },
  sealBroken: { code: 'seal_broken', status: 400, title: 'What was sealed does not open' },
  keyUnknown: { code: 'key_unknown', status: 422, title: 'It is sealed to a key that is not here any more' },
  noVault: { code: 'no_vault', status: 404, title: 'This installation keeps no payloads' },
} as const satisfies Record<string, ProblemKind>;
