import { randomBytes } from 'node:crypto';

/** A UUID version 7 (RFC 9562, 5.7). @param nowMs epoch milliseconds */
export function uuidV7(nowMs: number, random: Buffer = randomBytes(10)): string {
  const hex = `${Math.floor(nowMs).toString(16).padStart(12, '0')}7${random.toString('hex', 0, 2).slice(1)}`;
  const tail = Buffer.from(random.subarray(2, 10));
  tail.writeUInt8((tail.readUInt8(0) & 0x3f) | 0x80, 0);
  const rest = tail.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12)}-${rest.slice(0, 4)}-${rest.slice(4)}`;
}
