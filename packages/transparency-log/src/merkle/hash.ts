import { hash } from 'node:crypto';
import { TransparencyLogError } from '../errors.ts';
import { bytesAsBuffer } from '../text/base64.ts';

/** The bytes of a SHA-256 hash. */
export const HASH_BYTES = 32;

/** The prefixes that keep a leaf from passing for a node (RFC 6962, section 2.1). */
const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;

/** Leaves up to this length are hashed without allocating; it is the longest entry of a bundle. */
const SCRATCH_LEAF_BYTES = 65_535;

// Hashing is synchronous, so that no two callers are ever in these at once.
const leafScratch = Buffer.alloc(1 + SCRATCH_LEAF_BYTES);
const nodeScratch = Buffer.alloc(1 + 2 * HASH_BYTES);
leafScratch[0] = LEAF_PREFIX;
nodeScratch[0] = NODE_PREFIX;

/** The root of the empty tree: the hash of no bytes. */
export function emptyRoot(): Uint8Array {
  return Buffer.from(hash('sha256', '', 'hex'), 'hex');
}

/** SHA-256(0x00 ‖ entry): the hash of a leaf (RFC 6962, section 2.1). */
export function leafHash(entry: Uint8Array): Uint8Array {
  return Buffer.from(leafDigest(entry), 'latin1');
}

/** SHA-256(0x01 ‖ left ‖ right): the hash of an inner node (RFC 6962, section 2.1). Throws `bad-hash` at a wrong length. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  requireHash(left);
  requireHash(right);
  nodeScratch.set(left, 1);
  nodeScratch.set(right, 1 + HASH_BYTES);
  return Buffer.from(hash('sha256', nodeScratch, 'binary'), 'latin1');
}

/** The leaf hashes of entries, one after the other in one buffer of 32 bytes each: what `growTree` takes. */
export function leafHashes(entries: readonly Uint8Array[]): Uint8Array {
  const hashes = Buffer.allocUnsafe(entries.length * HASH_BYTES);
  let offset = 0;
  for (const entry of entries) {
    hashes.write(leafDigest(entry), offset, HASH_BYTES, 'latin1');
    offset += HASH_BYTES;
  }
  return hashes;
}

/**
 * Puts the hash of the node over the two hashes at `offset` in place of the left one. The digest goes from the hash to
 * the buffer as a latin-1 string, since that costs less than half of what a buffer for each digest does.
 */
export function mergeAt(hashes: Buffer, offset: number): void {
  hashes.copy(nodeScratch, 1, offset, offset + 2 * HASH_BYTES);
  hashes.write(hash('sha256', nodeScratch, 'binary'), offset, HASH_BYTES, 'latin1');
}

/** Whether two byte strings are equal; roots and hashes are public, so that time may tell. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return bytesAsBuffer(a).equals(b);
}

/** Throws `bad-hash` unless there are 32 bytes. */
export function requireHash(bytes: Uint8Array): void {
  if (bytes.length !== HASH_BYTES) {
    throw new TransparencyLogError('bad-hash', `a hash has ${HASH_BYTES} bytes; got ${bytes.length}`);
  }
}

function leafDigest(entry: Uint8Array): string {
  if (entry.length > SCRATCH_LEAF_BYTES) {
    return hash('sha256', Buffer.concat([Uint8Array.of(LEAF_PREFIX), entry]), 'binary');
  }
  leafScratch.set(entry, 1);
  return hash('sha256', leafScratch.subarray(0, 1 + entry.length), 'binary');
}
