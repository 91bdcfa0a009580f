import type { Attribution, LimitData } from '@tollgate/events';
import { LimitError } from './errors.ts';
import { isScopeKey, type Scope, scopeMatches } from './scope.ts';
import { isUnit, parseUnits, type Unit, type Units } from './units.ts';
import { WINDOWS, type WindowKind } from './window.ts';
import { zoneOf } from './zone-of.ts';

/** One limit, as everybody reckons with it. */
export type Limit = {
  readonly limitId: string;
  /** Counts its edits, from 1. An edit changes amount and strictness only, and never what was used. */
  readonly version: number;
  readonly organisationId: string;
  readonly scope: Scope;
  readonly unit: Unit;
  readonly window: WindowKind;
  /** Of days and months. */
  readonly timeZone: string;
  /** At most so much per window. */
  readonly amount: Units;
  /** Of money; null for counts. */
  readonly currency: string | null;
  /** Reservations are true upper bounds, so that it is never overshot. */
  readonly strict: boolean;
};

/**
 * The limit of an event.
 *
 * @throws LimitError for what this release can't enforce: `limit_invalid`, `amount_invalid`, `time_zone_unknown`
 */
export function limitOf(data: LimitData): Limit {
  const { unit, window: kind, currency } = data;
  if (!isUnit(unit)) throw new LimitError('limit_invalid', `unit: ${unit} is not enforced by this release`);
  const window = WINDOWS.find((each) => each === kind);
  if (window === undefined) {
    throw new LimitError('limit_invalid', `window: ${kind} is not enforced by this release`);
  }
  if ((unit === 'money') !== (currency !== null)) {
    throw new LimitError('limit_invalid', 'currency: money has one, and nothing else has');
  }
  const scope: Partial<Record<keyof Scope, string>> = {};
  for (const [key, value] of Object.entries(data.scope)) {
    if (!isScopeKey(key)) {
      throw new LimitError('limit_invalid', `scope.${key.slice(0, 32)}: is not known to this release`);
    }
    scope[key] = value;
  }
  const amount = parseUnits(unit, data.amount);
  if (amount < 0n) throw new LimitError('amount_invalid', 'amount: must not be negative');
  zoneOf(data.time_zone);
  return {
    limitId: data.limit_id,
    version: data.version,
    organisationId: data.organisation_id,
    scope,
    unit,
    window,
    timeZone: data.time_zone,
    amount,
    currency,
    strict: data.strict,
  };
}

/** Whether a limit applies to what is attributed so. */
export function limitApplies(
  limit: Pick<Limit, 'organisationId' | 'scope'>,
  attribution: Attribution,
): boolean {
  return limit.organisationId === attribution.organisation_id && scopeMatches(limit.scope, attribution);
}
