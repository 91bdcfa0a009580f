import { hash } from 'node:crypto';
import { AuditError } from '../errors.ts';

/** What a leaf of the transparency log commits to. Nothing in it can be turned back into the event. */
export interface LeafRecord {
  /** SHA-256 of the source's name. */
  readonly sourceDigest: Buffer;
  readonly sequence: number;
  readonly type: string;
  /** SHA-256(salt ‖ event bytes). */
  readonly eventDigest: Buffer;
}

export const LEAF_VERSION = 1;
export const DIGEST_BYTES = 32;
const VERSION_BYTES = 1;
const SEQUENCE_BYTES = 8;
const TYPE_LENGTH_BYTES = 2;
/** An envelope's type has at most 128 characters of at most three bytes each (a surrogate pair counts as two). */
const MAX_TYPE_BYTES = 384;

/** SHA-256 as bytes. */
export function sha256(bytes: Uint8Array | string): Buffer {
  return hash('sha256', bytes, 'buffer');
}

/**
 * The canonical bytes of a leaf, which are the entry of the log:
 *
 * ```
 * version 0x01 | SHA-256(source) 32 | sequence 8, big-endian | type length 2 | type, UTF-8 | SHA-256(salt ‖ event) 32
 * ```
 *
 * @throws AuditError `leaf_unencodable` where a digest is not 32 bytes, the sequence not a positive safe integer
 *   or the type longer than 384 bytes
 */
export function encodeLeaf(record: LeafRecord): Buffer {
  const { sourceDigest, sequence, type, eventDigest } = record;
  const typeBytes = Buffer.byteLength(type);
  if (sourceDigest.length !== DIGEST_BYTES || eventDigest.length !== DIGEST_BYTES) {
    throw new AuditError('leaf_unencodable', `digests in a leaf hold ${DIGEST_BYTES} bytes`);
  }
  if (!Number.isSafeInteger(sequence) || sequence < 1) {
    throw new AuditError('leaf_unencodable', `a sequence is an integer from 1, not ${sequence}`);
  }
  if (typeBytes < 1 || typeBytes > MAX_TYPE_BYTES) {
    throw new AuditError('leaf_unencodable', `a type holds 1 to ${MAX_TYPE_BYTES} bytes, not ${typeBytes}`);
  }
  const bytes = Buffer.allocUnsafe(
    VERSION_BYTES + DIGEST_BYTES + SEQUENCE_BYTES + TYPE_LENGTH_BYTES + typeBytes + DIGEST_BYTES,
  );
  let at = bytes.writeUInt8(LEAF_VERSION, 0);
  at += sourceDigest.copy(bytes, at);
  // Two halves: BigInt would cost more than the hash.
  at = bytes.writeUInt32BE(Math.floor(sequence / 2 ** 32), at);
  at = bytes.writeUInt32BE(sequence % 2 ** 32, at);
  at = bytes.writeUInt16BE(typeBytes, at);
  at += bytes.write(type, at);
  eventDigest.copy(bytes, at);
  return bytes;
}
