/* Values in the binary form of the protocol, as arrays and COPY have them alike, without their lengths. */

export const UUID_BYTES = 16;
export const INT8_BYTES = 8;
export const INT4_BYTES = 4;
/** Stands for the length of a NULL. */
export const NULL_LENGTH = -1;
export const MAX_UTF8_BYTES_PER_UNIT = 3;
/** 2000-01-01T00:00:00Z, from which Postgres counts instants. */
export const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1);

const MAX_SHORT_TEXT = 48;
const MAX_ASCII = 127;
const TWO_32 = 0x1_0000_0000;
const ZERO = 48;
const NINE = 57;
const DASH = 45;
/** What takes the character code of `a` to ten. */
const LETTER = 87;

/** Writes a text as UTF-8; returns its bytes. */
export function writeText(buffer: Buffer, value: string, at: number): number {
  return writeAscii(buffer, value, at) ?? buffer.write(value, at, 'utf8');
}

/** Cheaper than a call out of JavaScript for short texts; null where the text is long or not ASCII. */
function writeAscii(buffer: Buffer, value: string, at: number): number | null {
  const { length } = value;
  if (length > MAX_SHORT_TEXT) return null;
  for (let index = 0; index < length; index += 1) {
    const code = value.charCodeAt(index);
    if (code > MAX_ASCII) return null;
    buffer[at + index] = code;
  }
  return length;
}

/** Writes the 16 bytes of a UUID, given in its usual form. */
export function writeUuid(buffer: Buffer, value: string, start: number): void {
  let at = start;
  for (let index = 0; index < value.length; index += 2) {
    if (value.charCodeAt(index) === DASH) index += 1;
    buffer[at] = (hexDigit(value.charCodeAt(index)) << 4) | hexDigit(value.charCodeAt(index + 1));
    at += 1;
  }
}

/** Writes a whole number that JS holds exactly. In two halves: BigInt would cost more than all the rest of a row. */
export function writeInt8(buffer: Buffer, value: number, at: number): void {
  const high = Math.floor(value / TWO_32);
  buffer.writeInt32BE(high, at);
  buffer.writeUInt32BE(value - high * TWO_32, at + INT4_BYTES);
}

/** Of a hexadecimal digit's character code, lower or upper case. */
function hexDigit(code: number): number {
  return code <= NINE ? code - ZERO : (code | 32) - LETTER;
}
