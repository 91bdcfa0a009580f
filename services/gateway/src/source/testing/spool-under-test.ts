import { createLogger } from '@tollgate/telemetry';
import { systemClock } from '../../clock.ts';
import { IdSource } from '../../events/ids.ts';
import type { Durability, Position, Spool } from '../../spool/spool.ts';
import { type OpenedSpool, type OpenSpoolOptions, openSpool } from '../open-spool.ts';

export const KIB = 1024;
const ids = new IdSource(systemClock);
export const newId = (): string => ids.next();

/** A spool with small segments, and no timer of its own that a test would have to wait for. */
export function openTestSpool(folder: string, options: Partial<OpenSpoolOptions> = {}): OpenedSpool {
  return openSpool({
    folder,
    instance: 'gw-test',
    softwareVersion: 'test',
    newId,
    logger: createLogger({ service: 'gateway', level: 'silent' }),
    ...options,
    settings: {
      segmentBytes: 256 * KIB,
      maxBytes: 16 * 256 * KIB,
      publishLingerMs: 1,
      publishRetryMs: { first: 1, most: 5 },
      heartbeatMs: 3_600_000,
      gapPollMs: 3_600_000,
      ...options.settings,
    },
  });
}

/** Resolves when `position` has reached the level. */
export function reached(spool: Spool, level: Durability, position: Position): Promise<void> {
  return new Promise((resolve, reject) => {
    spool.after(level, position, (error) => (error === null ? resolve() : reject(error)));
  });
}
