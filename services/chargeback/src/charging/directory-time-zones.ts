import type { DirectoryView } from '@tollgate/http';
import { isTimeZone } from '../time/billing-period.ts';

/** The billing time zones that the directory tells. */
export interface TimeZones {
  /** Undefined where the directory does not know the organisation, or names a zone that nobody knows. */
  of(organisationId: string): string | undefined;
  /**
   * Waits until the directory has told all of these, but not for long: an organisation's first usage can arrive
   * before the news of the organisation does, and what is charged without is flagged for good.
   */
  known(organisationIds: ReadonlySet<string>): Promise<void>;
}

/** How long the news of an organisation may come after its first usage. */
export const DEFAULT_TIME_ZONE_GRACE_MS = 5_000;
/** Organisations waited for in vain at most; past it, they are waited for again. */
const MAX_GIVEN_UP = 10_000;

export function directoryTimeZones(view: DirectoryView, graceMs = DEFAULT_TIME_ZONE_GRACE_MS): TimeZones {
  const givenUp = new Set<string>();
  const of = (id: string): string | undefined => {
    const timeZone = view.entity('organisation', id)?.billing_time_zone;
    return timeZone !== undefined && isTimeZone(timeZone) ? timeZone : undefined;
  };
  return {
    of,
    async known(organisationIds) {
      const missing = () => [...organisationIds].filter((id) => of(id) === undefined && !givenUp.has(id));
      if (missing().length === 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, graceMs);
      const unlisten = view.onChange(() => {
        if (missing().length === 0) resolve();
      });
      try {
        await promise;
      } finally {
        clearTimeout(timer);
        unlisten();
      }
      if (givenUp.size > MAX_GIVEN_UP) givenUp.clear();
      for (const id of missing()) givenUp.add(id);
    },
  };
}
