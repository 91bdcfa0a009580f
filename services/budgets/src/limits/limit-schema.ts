import { formatUnits, SCOPE_KEYS, type Scope, type ScopeKey, UNITS, WINDOWS } from '@tollgate/limits';
import { z } from 'zod';
import type { StoredLimit } from './stored-limit.ts';

export const id = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/, 'must be an id');
const model = z.string().regex(/^[!-~]{1,256}$/, 'must be the name of a model');
const amount = z.string().regex(/^\d{1,18}(\.\d{1,18})?$/, 'must be a decimal from zero, such as 12.50');
const currency = z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters, such as USD');
const timeZone = z.string().regex(/^[A-Za-z0-9_+/-]{1,64}$/, 'must be an IANA name such as Europe/Berlin');
const MAX_VERSION = 2_147_483_647;

const scope = z
  .strictObject(
    Object.fromEntries(SCOPE_KEYS.map((key) => [key, (key === 'model' ? model : id).optional()])) as Record<
      ScopeKey,
      z.ZodOptional<z.ZodString>
    >,
  )
  .meta({ id: 'LimitScope' });

/** A limit as it is brought. */
export const limitDraft = z
  .strictObject({
    organisation_id: id,
    /** What it applies to within the organisation; empty for all of it. */
    scope,
    unit: z.enum(UNITS),
    window: z.enum(WINDOWS),
    amount,
    /** Of money; that of the organisation unless given. */
    currency: currency.optional(),
    /** Of days and months; the organisation's billing time zone unless given. */
    time_zone: timeZone.optional(),
    strict: z.boolean().default(false),
  })
  .meta({ id: 'LimitDraft' });
export type LimitDraft = z.output<typeof limitDraft>;

/** An edit: amount and strictness. What else a limit is, it stays. */
export const limitEdit = z
  .strictObject({
    version: z.int().min(1).max(MAX_VERSION),
    amount: amount.optional(),
    strict: z.boolean().optional(),
  })
  .meta({ id: 'LimitEdit' });
export type LimitEdit = z.output<typeof limitEdit>;

export const shownLimit = z
  .object({
    limit_id: z.string(),
    version: z.int().min(1),
    organisation_id: z.string(),
    team_id: z.string().nullable(),
    scope: z.record(z.string(), z.string()),
    unit: z.enum(UNITS),
    window: z.enum(WINDOWS),
    time_zone: z.string(),
    amount: z.string(),
    currency: z.string().nullable(),
    strict: z.boolean(),
    created_at: z.string(),
    created_by: z.string(),
    updated_at: z.string(),
    updated_by: z.string(),
  })
  .meta({ id: 'Limit' });
export type ShownLimit = z.input<typeof shownLimit>;

export function showLimit(limit: StoredLimit): ShownLimit {
  return {
    limit_id: limit.limitId,
    version: limit.version,
    organisation_id: limit.organisationId,
    team_id: limit.teamId,
    scope: entriesOf(limit.scope),
    unit: limit.unit,
    window: limit.window,
    time_zone: limit.timeZone,
    amount: formatUnits(limit.unit, limit.amount),
    currency: limit.currency,
    strict: limit.strict,
    created_at: new Date(limit.createdAtMs).toISOString(),
    created_by: limit.createdBy,
    updated_at: limit.updatedAt,
    updated_by: limit.updatedBy,
  };
}

/** A scope's entries, without those that are not given. */
export function entriesOf(
  given: { readonly [Key in ScopeKey]?: string | undefined },
): Record<string, string> {
  return Object.fromEntries(
    SCOPE_KEYS.flatMap((key) => (given[key] === undefined ? [] : [[key, given[key]]])),
  );
}

/** The same, typed. */
export function scopeOf(given: { readonly [Key in ScopeKey]?: string | undefined }): Scope {
  return entriesOf(given);
}
