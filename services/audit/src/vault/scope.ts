import { z } from 'zod';

const id = z.string().min(1).max(128);

/** Payloads that a hold or an erasure is about: whatever is given has to fit. */
export const payloadScope = z
  .strictObject({
    organisation: id.optional(),
    team: id.optional(),
    /** The principal that called: a person, a program, or a key that stands for itself. */
    user: id.optional(),
    /** The `user` member of requests, as their callers said it. */
    end_user: z.string().min(1).max(256).optional(),
    request_id: z.uuid().optional(),
    /** By when requests were made. */
    from: z.iso.datetime().optional(),
    /** Not included. */
    to: z.iso.datetime().optional(),
  })
  .meta({ id: 'PayloadScope' });
export type PayloadScope = z.infer<typeof payloadScope>;

/** The columns of `vault_hold` and `vault_erasure` that a scope fills, in the order of {@link scopeValues}. */
export const SCOPE_COLUMNS = 'organisation_id, team_id, principal_id, end_user, request_id, since, until';

export function scopeValues(scope: PayloadScope): (string | null)[] {
  const { organisation, team, user, end_user: endUser, request_id: requestId, from, to } = scope;
  return [organisation, team, user, endUser, requestId, from, to].map((value) => value ?? null);
}

/** A row of those columns. */
export interface ScopeRow {
  readonly organisation_id: string | null;
  readonly team_id: string | null;
  readonly principal_id: string | null;
  readonly end_user: string | null;
  readonly request_id: string | null;
  readonly since: string | null;
  readonly until: string | null;
}

export function scopeOfRow(row: ScopeRow): PayloadScope {
  return {
    ...(row.organisation_id === null ? {} : { organisation: row.organisation_id }),
    ...(row.team_id === null ? {} : { team: row.team_id }),
    ...(row.principal_id === null ? {} : { user: row.principal_id }),
    ...(row.end_user === null ? {} : { end_user: row.end_user }),
    ...(row.request_id === null ? {} : { request_id: row.request_id }),
    ...(row.since === null ? {} : { from: new Date(row.since).toISOString() }),
    ...(row.until === null ? {} : { to: new Date(row.until).toISOString() }),
  };
}

/** SQL: whether the payload of alias `payload` lies within the scope whose row has the alias `scope`. */
export function within(payload: string, scope: string): string {
  const equal = ['organisation_id', 'team_id', 'principal_id', 'end_user', 'request_id'].map(
    (column) => `(${scope}.${column} IS NULL OR ${scope}.${column} = ${payload}.${column})`,
  );
  return [
    ...equal,
    `(${scope}.since IS NULL OR ${payload}.requested_at >= ${scope}.since)`,
    `(${scope}.until IS NULL OR ${payload}.requested_at < ${scope}.until)`,
  ].join(' AND ');
}

/** SQL: a row of a scope's values, which are parameters from `$1` on. */
export const SCOPE_PARAMETERS = `(SELECT $1::text AS organisation_id, $2::text AS team_id, $3::text AS principal_id,
  $4::text AS end_user, $5::uuid AS request_id, $6::timestamptz AS since, $7::timestamptz AS until)`;

/** SQL: whether a hold keeps the payload of that alias. */
export function held(payload: string): string {
  return `EXISTS (SELECT FROM vault_hold h WHERE h.released_at IS NULL AND ${within(payload, 'h')})`;
}

/** SQL: not kept by any hold, of the payload of alias `p`: what retention may take. */
export const NOT_HELD = `NOT ${held('p')}`;
