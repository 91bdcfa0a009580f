import { isInfrastructureError } from '@tollgate/database';

/**
 * One look at the database for all gauges of a scrape, which are collected at once: each takes its part of what was found,
 * so that none shows what the scrape before found.
 *
 * @returns null while the database is away: a scrape shows the rest
 */
export function oneLook<Found>(look: () => Promise<Found>): () => Promise<Found | null> {
  let looking: Promise<Found | null> | null = null;
  return () => {
    looking ??= look()
      .catch((error: unknown) => {
        if (isInfrastructureError(error)) return null;
        throw error;
      })
      .finally(() => {
        looking = null;
      });
    return looking;
  };
}
