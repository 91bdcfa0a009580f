import {
  type Environment,
  readConfig,
  type ServiceConfig,
  serviceConfigOf,
  serviceVariables,
  wholeNumber,
} from '@tollgate/http';
import { z } from 'zod';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const MIN_SEGMENT_BYTES = 1 << 20;
const MAX_SEGMENT_BYTES = 1 << 30;

const environment = z.object({
  ...serviceVariables(41011),
  /** Where the archive's segments are kept: on disks that are backed up. */
  AUDIT_ARCHIVE_FOLDER: z.string().min(1),
  /** A segment is closed before it would grow beyond this. */
  AUDIT_SEGMENT_BYTES: wholeNumber(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES).default(64 << 20),
  /** A number that is missed for so long is a gap. */
  AUDIT_GAP_GRACE_MS: wholeNumber(0, DAY_MS).default(30_000),
  /** A source that has not been heard of for so long is lost. */
  AUDIT_SOURCE_LOST_AFTER_MS: wholeNumber(1_000, DAY_MS).default(30_000),
});

export interface AuditConfig extends ServiceConfig {
  readonly archiveFolder: string;
  readonly segmentBytes: number;
  readonly gapGraceMs: number;
  readonly sourceLostAfterMs: number;
}

/** @throws ConfigError one line that names the variable */
export function readAuditConfig(env: Environment): AuditConfig {
  const values = readConfig(environment, env);
  return {
    ...serviceConfigOf(values, env),
    archiveFolder: values.AUDIT_ARCHIVE_FOLDER,
    segmentBytes: values.AUDIT_SEGMENT_BYTES,
    gapGraceMs: values.AUDIT_GAP_GRACE_MS,
    sourceLostAfterMs: values.AUDIT_SOURCE_LOST_AFTER_MS,
  };
}
