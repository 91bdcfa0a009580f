import type { Attribution } from '@tollgate/events';
import { type Limit, limitApplies } from './limit.ts';
import { SCOPE_KEYS, type ScopeKey, scopeValue } from './scope.ts';

/**
 * Which limits apply to a request, without looking at all of them: each is filed under the most selective entry of
 * its scope (or its organisation), so a look-up costs one map access per scope key and compares a handful.
 */
export class LimitIndex<T extends Pick<Limit, 'organisationId' | 'scope'>> {
  readonly #filed = new Map<ScopeKey | 'organisation', Map<string, T[]>>();

  constructor(limits: Iterable<T>) {
    for (const limit of limits) {
      const key = SCOPE_KEYS.find((each) => limit.scope[each] !== undefined) ?? 'organisation';
      const value = key === 'organisation' ? limit.organisationId : (limit.scope[key] ?? '');
      const byValue = this.#filed.get(key) ?? new Map<string, T[]>();
      this.#filed.set(key, byValue);
      const list = byValue.get(value);
      if (list === undefined) byValue.set(value, [limit]);
      else list.push(limit);
    }
  }

  /** Every limit that applies, in no particular order. */
  of(attribution: Attribution): T[] {
    const found: T[] = [];
    for (const [key, byValue] of this.#filed) {
      const value = key === 'organisation' ? attribution.organisation_id : scopeValue(key, attribution);
      const filed = value === null ? undefined : byValue.get(value);
      if (filed === undefined) continue;
      for (const limit of filed) if (limitApplies(limit, attribution)) found.push(limit);
    }
    return found;
  }
}
