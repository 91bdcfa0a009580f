/** The standard base64 (RFC 4648, section 4) of some bytes. */
export function encodeBase64(bytes: Uint8Array): string {
  return bytesAsBuffer(bytes).toString('base64');
}

/**
 * The bytes of a standard base64 text, or undefined where it isn't the one canonical text of those bytes: wrong alphabet,
 * padding or white space, or spare bits set. Refusing spare bits leaves no byte of a signature that may be changed unseen.
 */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** The same memory as a Buffer, whose copying and encoding are the fast ones. */
export function bytesAsBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
