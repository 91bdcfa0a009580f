import {
  INT4_BYTES,
  INT8_BYTES,
  MAX_UTF8_BYTES_PER_UNIT,
  NULL_LENGTH,
  POSTGRES_EPOCH_MS,
  UUID_BYTES,
  writeInt8,
  writeText,
  writeUuid,
} from '../binary-values.ts';

/** COPY's binary format: https://www.postgresql.org/docs/current/sql-copy.html ("Binary Format"). */
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** Flags and the length of the header's extension, neither of which is used. */
const HEADER_BYTES = SIGNATURE.length + 8;
const TRAILER_BYTES = 2;
const LENGTH_BYTES = 4;
const TRAILER = -1;
const US_PER_MS = 1_000;
const MIN_CAPACITY = 1_024;

/**
 * Rows in the binary form of COPY, for `Transaction.copyIn`: `row` begins one, and each other call adds the next of its
 * values, which has to be of the column's very type. Nothing is escaped and nothing turned into digits, which makes it the
 * cheapest way to bring many rows into a table, for us and for the server.
 */
export class CopyRows {
  readonly #fields: number;
  #bytes: Buffer;
  #at: number;
  #rows = 0;

  /**
   * @param fields values in each row
   * @param expectedBytes of all rows; what is beyond costs a copy
   */
  constructor(fields: number, expectedBytes = 0) {
    this.#fields = fields;
    this.#bytes = Buffer.allocUnsafe(HEADER_BYTES + TRAILER_BYTES + Math.max(expectedBytes, MIN_CAPACITY));
    SIGNATURE.copy(this.#bytes);
    this.#bytes.fill(0, SIGNATURE.length, HEADER_BYTES);
    this.#at = HEADER_BYTES;
  }

  /** Rows that were begun. */
  get rows(): number {
    return this.#rows;
  }

  row(): void {
    this.#room(2);
    this.#at = this.#bytes.writeInt16BE(this.#fields, this.#at);
    this.#rows += 1;
  }

  null(): void {
    this.#length(NULL_LENGTH, 0);
  }

  boolean(value: boolean): void {
    this.#length(1, 1);
    this.#at = this.#bytes.writeUInt8(value ? 1 : 0, this.#at);
  }

  /** `integer`. */
  int4(value: number): void {
    this.#length(INT4_BYTES, INT4_BYTES);
    this.#at = this.#bytes.writeInt32BE(value, this.#at);
  }

  /** `bigint`, from a safe integer. */
  int8(value: number): void {
    this.#length(INT8_BYTES, INT8_BYTES);
    this.#int64(value);
  }

  /** `timestamptz`. @param ms since 1970, whole */
  instant(ms: number): void {
    this.#length(INT8_BYTES, INT8_BYTES);
    const us = (ms - POSTGRES_EPOCH_MS) * US_PER_MS;
    if (Number.isSafeInteger(us)) this.#int64(us);
    // Farther than 285 years off: some event may say so.
    else this.#at = this.#bytes.writeBigInt64BE(BigInt(ms - POSTGRES_EPOCH_MS) * BigInt(US_PER_MS), this.#at);
  }

  /** `text`; null becomes NULL. */
  text(value: string | null): void {
    if (value === null) {
      this.null();
      return;
    }
    this.#room(LENGTH_BYTES + value.length * MAX_UTF8_BYTES_PER_UNIT);
    const written = writeText(this.#bytes, value, this.#at + LENGTH_BYTES);
    this.#bytes.writeInt32BE(written, this.#at);
    this.#at += LENGTH_BYTES + written;
  }

  /** `uuid`, from its usual text. */
  uuid(value: string): void {
    this.#length(UUID_BYTES, UUID_BYTES);
    writeUuid(this.#bytes, value, this.#at);
    this.#at += UUID_BYTES;
  }

  /** `bytea`, or what is in its type's binary form already. Returns where they lie in what `finish` gives. */
  bytes(value: Uint8Array): number {
    this.#length(value.length, value.length);
    const at = this.#at;
    this.#bytes.set(value, at);
    this.#at += value.length;
    return at;
  }

  /** The whole, with its end. Nothing can be added any more. */
  finish(): Buffer {
    this.#room(TRAILER_BYTES);
    this.#at = this.#bytes.writeInt16BE(TRAILER, this.#at);
    return this.#bytes.subarray(0, this.#at);
  }

  #length(length: number, room: number): void {
    this.#room(LENGTH_BYTES + room);
    this.#at = this.#bytes.writeInt32BE(length, this.#at);
  }

  #int64(value: number): void {
    writeInt8(this.#bytes, value, this.#at);
    this.#at += INT8_BYTES;
  }

  #room(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
