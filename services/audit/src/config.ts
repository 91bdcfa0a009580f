import { type BusConfig, busConfig } from '@tollgate/bus';
import { type Environment, type ListenAddress, listenAddress, readConfig, wholeNumber } from '@tollgate/http';
import { LOG_LEVELS } from '@tollgate/telemetry';
import { z } from 'zod';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const MIN_SEGMENT_BYTES = 1 << 20;
const MAX_SEGMENT_BYTES = 1 << 30;

const environment = z.object({
  /** Of the role `audit`, with its password. */
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must be postgres://role:password@host:port/database'),
  LISTEN: listenAddress.default({ host: '0.0.0.0', port: 41011 }),
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  /** Where the archive's segments are kept: on disks that are backed up. */
  AUDIT_ARCHIVE_FOLDER: z.string().min(1),
  /** A segment is closed before it would grow beyond this. */
  AUDIT_SEGMENT_BYTES: wholeNumber(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES).default(64 << 20),
  /** A number that is missed for so long is a gap. */
  AUDIT_GAP_GRACE_MS: wholeNumber(0, DAY_MS).default(30_000),
  /** A source that has not been heard of for so long is lost. */
  AUDIT_SOURCE_LOST_AFTER_MS: wholeNumber(1_000, DAY_MS).default(30_000),
});

export interface AuditConfig {
  readonly databaseUrl: string;
  readonly listen: ListenAddress;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly archiveFolder: string;
  readonly segmentBytes: number;
  readonly gapGraceMs: number;
  readonly sourceLostAfterMs: number;
  readonly bus: BusConfig;
}

/** @throws ConfigError one line that names the variable */
export function readAuditConfig(env: Environment): AuditConfig {
  const values = readConfig(environment, env);
  return {
    databaseUrl: values.DATABASE_URL,
    listen: values.LISTEN,
    logLevel: values.LOG_LEVEL,
    archiveFolder: values.AUDIT_ARCHIVE_FOLDER,
    segmentBytes: values.AUDIT_SEGMENT_BYTES,
    gapGraceMs: values.AUDIT_GAP_GRACE_MS,
    sourceLostAfterMs: values.AUDIT_SOURCE_LOST_AFTER_MS,
    bus: readConfig(busConfig, env),
  };
}
