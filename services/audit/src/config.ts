import path from 'node:path';
import {
  ConfigError,
  type Environment,
  readConfig,
  type ServiceConfig,
  serviceConfigOf,
  serviceVariables,
  wholeNumber,
} from '@tollgate/http';
import { z } from 'zod';
import { AuditError } from './errors.ts';
import type { S3Place } from './object-store/s3-bucket.ts';
import { objectStoreOf } from './object-store/s3-config.ts';
import { readLogSigners } from './tree/log-signers.ts';
import { readWitnesses, type Witness } from './tree/witnesses.ts';
import type { VaultConfig } from './vault/open-vault.ts';
import { vaultConfigOf, vaultVariables } from './vault/vault-config.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const MIN_SEGMENT_BYTES = 1 << 20;
const MAX_SEGMENT_BYTES = 1 << 30;

/** A hundred years. */
const MAX_LOCK_DAYS = 36_500;

export const DEFAULT_PORT = 41_011;

const environment = z.object({
  ...serviceVariables(DEFAULT_PORT),
  /** Where the archive's segments are kept, unless an object store has them: on disks that are backed up. */
  AUDIT_ARCHIVE_FOLDER: z.string().min(1),
  /** Where tiles, entry bundles and checkpoint are kept; `log` in the archive's folder unless given. */
  AUDIT_LOG_FOLDER: z.string().min(1).optional(),
  /** Such as `s3://bucket/prefix`: archive and log go there instead of folders. */
  AUDIT_OBJECT_STORE: z.string().optional(),
  /** Of a store that speaks S3 and is not AWS. */
  AUDIT_S3_ENDPOINT: z.url('must be a URL').optional(),
  AUDIT_S3_REGION: z.string().min(1).default('us-east-1'),
  /** Days for which Object Lock holds the archive, full tiles and entries in compliance mode; 0: no lock. */
  AUDIT_OBJECT_LOCK_DAYS: wholeNumber(0, MAX_LOCK_DAYS).optional(),
  /** The log's name, for ever: a domain of yours and a path, without scheme. */
  AUDIT_LOG_ORIGIN: z
    .string()
    .regex(/^[A-Za-z0-9._/-]{1,128}$/, 'must be like log.example.com/audit')
    .optional(),
  /** Signing keys, one a line: the old and the new one while keys rotate. */
  AUDIT_LOG_KEY: z.string().optional(),
  /** The file that holds them; `log.key` in the archive's folder unless given, where one is made at the first start. */
  AUDIT_LOG_KEY_FILE: z.string().optional(),
  /** Who is asked to cosign checkpoints: lines of `<verifier key> <URL>` (C2SP tlog-witness). */
  AUDIT_WITNESSES: z.string().optional(),
  /** A checkpoint waits no longer for their cosignatures. */
  AUDIT_WITNESS_TIMEOUT_MS: wholeNumber(50, MINUTE_MS).default(400),
  ...vaultVariables,
  /** A segment is closed before it would grow beyond this. */
  AUDIT_SEGMENT_BYTES: wholeNumber(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES).default(64 << 20),
  /** A number that is missed for so long is a gap. */
  AUDIT_GAP_GRACE_MS: wholeNumber(0, DAY_MS).default(30_000),
  /** A source that has not been heard of for so long is lost. */
  AUDIT_SOURCE_LOST_AFTER_MS: wholeNumber(1_000, DAY_MS).default(30_000),
  /** A request that lacks its decision or final usage for so long is a fault. Longer than any request takes. */
  AUDIT_UNSETTLED_AFTER_MS: wholeNumber(1_000, DAY_MS).default(15 * MINUTE_MS),
  /** A payload that a usage event states, and that is not in the vault after so long, is missing. */
  AUDIT_PAYLOAD_GRACE_MS: wholeNumber(1_000, 7 * DAY_MS).default(5 * MINUTE_MS),
});

export interface AuditConfig extends ServiceConfig {
  readonly archiveFolder: string;
  readonly logFolder: string;
  /** Where archive and log are instead; null: in those folders. */
  readonly objectStore: S3Place | null;
  readonly logOrigin: string | undefined;
  /** Signing keys themselves, or the file that holds them. */
  readonly logKey: { readonly text: string } | { readonly file: string };
  readonly witnesses: readonly Witness[];
  readonly witnessTimeoutMs: number;
  readonly vault: VaultConfig;
  readonly segmentBytes: number;
  readonly gapGraceMs: number;
  readonly sourceLostAfterMs: number;
  readonly unsettledAfterMs: number;
  readonly payloadGraceMs: number;
}

/** @throws ConfigError one line that names the variable */
export function readAuditConfig(env: Environment): AuditConfig {
  const values = readConfig(environment, env);
  return {
    ...serviceConfigOf(values, env),
    archiveFolder: values.AUDIT_ARCHIVE_FOLDER,
    logFolder: values.AUDIT_LOG_FOLDER ?? path.join(values.AUDIT_ARCHIVE_FOLDER, 'log'),
    objectStore: objectStoreOf(values),
    logOrigin: values.AUDIT_LOG_ORIGIN,
    logKey: logKeyOf(values),
    witnesses: witnessesOf(values.AUDIT_WITNESSES),
    witnessTimeoutMs: values.AUDIT_WITNESS_TIMEOUT_MS,
    vault: vaultConfigOf(values, values.AUDIT_ARCHIVE_FOLDER),
    segmentBytes: values.AUDIT_SEGMENT_BYTES,
    gapGraceMs: values.AUDIT_GAP_GRACE_MS,
    sourceLostAfterMs: values.AUDIT_SOURCE_LOST_AFTER_MS,
    unsettledAfterMs: values.AUDIT_UNSETTLED_AFTER_MS,
    payloadGraceMs: values.AUDIT_PAYLOAD_GRACE_MS,
  };
}

function logKeyOf(values: z.output<typeof environment>): AuditConfig['logKey'] {
  const { AUDIT_LOG_KEY: text, AUDIT_LOG_KEY_FILE: file, AUDIT_LOG_ORIGIN: origin } = values;
  if (text === undefined) return { file: file ?? path.join(values.AUDIT_ARCHIVE_FOLDER, 'log.key') };
  if (file !== undefined)
    throw new ConfigError('AUDIT_LOG_KEY_FILE', 'is set besides AUDIT_LOG_KEY: set one of the two');
  try {
    readLogSigners(text, origin);
  } catch (error) {
    if (error instanceof AuditError) throw new ConfigError('AUDIT_LOG_KEY', `is refused: ${error.message}`);
    throw error;
  }
  return { text };
}

function witnessesOf(text: string | undefined): readonly Witness[] {
  try {
    return text === undefined ? [] : readWitnesses(text);
  } catch (error) {
    if (error instanceof AuditError) throw new ConfigError('AUDIT_WITNESSES', `is refused: ${error.message}`);
    throw error;
  }
}
