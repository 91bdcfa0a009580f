import { randomBytes } from 'node:crypto';

export type IdSource = {
  /** A UUIDv7 in its lower-case text form, for events. */
  uuid(): string;
  /** An opaque id such as `team_0197…`: a prefix and the 32 hex digits of a UUIDv7, so that ids sort by age. */
  entity(prefix: string): string;
};

const UUID_BYTES = 16;
const TIME_BYTES = 6;

/** Ids out of a clock (milliseconds since 1970) and random bytes. */
export function idSource(
  now: () => number = Date.now,
  random: (size: number) => Buffer = randomBytes,
): IdSource {
  const hex = () => uuidV7(now(), random(UUID_BYTES)).toString('hex');
  return {
    uuid() {
      const digits = hex();
      return [
        digits.slice(0, 8),
        digits.slice(8, 12),
        digits.slice(12, 16),
        digits.slice(16, 20),
        digits.slice(20),
      ].join('-');
    },
    entity: (prefix) => `${prefix}_${hex()}`,
  };
}

/** RFC 9562, section 5.7: 48 bits of milliseconds, version 7, variant 0b10, the rest random. */
function uuidV7(nowMs: number, random: Buffer): Buffer {
  const bytes = Buffer.from(random.subarray(0, UUID_BYTES));
  bytes.writeUIntBE(nowMs, 0, TIME_BYTES);
  bytes[6] = 0x70 | (bytes.readUInt8(6) & 0x0f);
  bytes[8] = 0x80 | (bytes.readUInt8(8) & 0x3f);
  return bytes;
}
