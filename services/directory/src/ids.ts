import { randomBytes } from 'node:crypto';
import { uuidV7 } from '@tollgate/events';

export type IdSource = {
  /** A UUIDv7 in its lower-case text form, for events. */
  uuid(): string;
  /** An opaque id such as `team_0197…`: a prefix and the 32 hex digits of a UUIDv7, so that ids sort by age. */
  entity(prefix: string): string;
};

const UUID_BYTES = 16;

/** Ids out of a clock (milliseconds since 1970) and random bytes. */
export function idSource(
  now: () => number = Date.now,
  random: (size: number) => Buffer = randomBytes,
): IdSource {
  const uuid = () => uuidV7(now(), random(UUID_BYTES));
  return {
    uuid,
    entity: (prefix) => `${prefix}_${uuid().replaceAll('-', '')}`,
  };
}
