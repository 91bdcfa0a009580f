/** A UUID of version 7 (RFC 9562): 48 bits of milliseconds, the rest random; sorts by time. */
export function uuidV7(nowMs: number, random: Buffer): string {
  const bytes = Buffer.from(random.subarray(0, 16));
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
