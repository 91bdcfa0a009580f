/** A version-8 UUID (RFC 9562, 5.8) from the first 16 bytes of a digest: the same input, the same id. */
export function uuidFromDigest(digest: Uint8Array): string {
  return uuidFromHex(Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString('hex'));
}

/** The same of a digest in lower-case hex. */
export function uuidFromHex(hex: string): string {
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
