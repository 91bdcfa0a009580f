import type { LimitData } from '@tollgate/events';
import { formatUnits, type Limit, limitOf } from '@tollgate/limits';

/** A limit with what the service knows of it besides. */
export type StoredLimit = Limit & {
  readonly teamId: string | null;
  /** It counts what was requested from then on. */
  readonly createdAtMs: number;
  readonly deletedAtMs: number | null;
  readonly createdBy: string;
  readonly updatedAt: string;
  readonly updatedBy: string;
};

/** A row as it is read. */
export type LimitRow = {
  readonly limit_id: string;
  readonly version: number;
  readonly organisation_id: string;
  readonly team_id: string | null;
  readonly scope: Record<string, string>;
  readonly unit: LimitData['unit'];
  readonly window_kind: LimitData['window'];
  readonly time_zone: string;
  readonly amount: string;
  readonly currency: string | null;
  readonly strict: boolean;
  readonly created_at: string;
  readonly created_by: string;
  readonly updated_at: string;
  readonly updated_by: string;
  readonly deleted_at: string | null;
};

export const LIMIT_COLUMNS = `limit_id, version, organisation_id, team_id, scope, unit, window_kind, time_zone, amount,
  currency, strict, created_at, created_by, updated_at, updated_by, deleted_at`;

export function storedLimit(row: LimitRow): StoredLimit {
  const limit = limitOf({
    limit_id: row.limit_id,
    version: row.version,
    deleted: row.deleted_at !== null,
    organisation_id: row.organisation_id,
    scope: row.scope,
    unit: row.unit,
    window: row.window_kind,
    time_zone: row.time_zone,
    amount: row.amount,
    currency: row.currency,
    strict: row.strict,
  });
  return {
    ...limit,
    teamId: row.team_id,
    createdAtMs: Date.parse(row.created_at),
    deletedAtMs: row.deleted_at === null ? null : Date.parse(row.deleted_at),
    createdBy: row.created_by,
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
  };
}

/** What the topic `limits` says of it. */
export function limitData(limit: StoredLimit): LimitData {
  return {
    limit_id: limit.limitId,
    version: limit.version,
    deleted: limit.deletedAtMs !== null,
    organisation_id: limit.organisationId,
    scope: { ...limit.scope },
    unit: limit.unit,
    window: limit.window,
    time_zone: limit.timeZone,
    amount: formatUnits(limit.unit, limit.amount),
    currency: limit.currency,
    strict: limit.strict,
  };
}
