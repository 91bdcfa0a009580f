import { randomBytes } from 'node:crypto';

const BYTES = 16;
const TIME_BYTES = 6;

/**
 * A UUID of version 7 (RFC 9562, section 5.7) in its lower-case text form: 48 bits of milliseconds, the rest random.
 * Sorts by time. The gateway mints its own, which also count within a millisecond.
 *
 * @param nowMs milliseconds since 1970; fractions are dropped
 * @param random at least 16 bytes
 */
export function uuidV7(nowMs: number, random: Buffer = randomBytes(BYTES)): string {
  const bytes = Buffer.from(random.subarray(0, BYTES));
  bytes.writeUIntBE(Math.floor(nowMs), 0, TIME_BYTES);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
