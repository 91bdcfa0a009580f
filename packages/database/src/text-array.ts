const TEXT_OID = 25;
const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
const MAX_UTF8_BYTES_PER_UNIT = 3;

/**
 * Texts as a Postgres array in the protocol's binary form (`array_recv` in src/backend/utils/adt/arrayfuncs.c), which
 * the driver sends for a Buffer: nothing needs escaping, which for texts full of quotes takes most of the time.
 */
export function textArray(texts: readonly string[]): Buffer {
  const units = texts.reduce((sum, text) => sum + text.length, 0);
  const buffer = Buffer.allocUnsafe(
    HEADER_BYTES + texts.length * LENGTH_BYTES + units * MAX_UTF8_BYTES_PER_UNIT,
  );
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(0, 4);
  buffer.writeInt32BE(TEXT_OID, 8);
  buffer.writeInt32BE(texts.length, 12);
  buffer.writeInt32BE(1, 16);
  let at = HEADER_BYTES;
  for (const text of texts) {
    const bytes = buffer.write(text, at + LENGTH_BYTES, 'utf8');
    buffer.writeInt32BE(bytes, at);
    at += LENGTH_BYTES + bytes;
  }
  return buffer.subarray(0, at);
}
