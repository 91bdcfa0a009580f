import { ConfigError } from '@tollgate/http';
import type { S3Place } from './s3-bucket.ts';

/** What the environment says of an object store, checked one by one. */
export interface ObjectStoreVariables {
  readonly AUDIT_OBJECT_STORE?: string | undefined;
  readonly AUDIT_S3_ENDPOINT?: string | undefined;
  readonly AUDIT_S3_REGION: string;
  readonly AUDIT_OBJECT_LOCK_DAYS?: number | undefined;
}

const PLACE = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([A-Za-z0-9/._-]*))?$/;

/** The bucket for archive and log; null: they go to folders. @throws ConfigError */
export function objectStoreOf(variables: ObjectStoreVariables): S3Place | null {
  const { AUDIT_OBJECT_STORE: place, AUDIT_OBJECT_LOCK_DAYS: lockDays } = variables;
  if (place === undefined) return null;
  const [, bucket, path = ''] = PLACE.exec(place) ?? [];
  if (bucket === undefined) throw new ConfigError('AUDIT_OBJECT_STORE', 'must be like s3://bucket/prefix');
  if (lockDays === undefined) {
    throw new ConfigError(
      'AUDIT_OBJECT_LOCK_DAYS',
      'is not set: for how many days nobody at all may remove what is archived (0: no lock)',
    );
  }
  const prefix = path.replace(/^\/+|\/+$/g, '');
  return {
    bucket,
    prefix: prefix === '' ? '' : `${prefix}/`,
    endpoint: variables.AUDIT_S3_ENDPOINT ?? null,
    region: variables.AUDIT_S3_REGION,
    lockDays,
  };
}
