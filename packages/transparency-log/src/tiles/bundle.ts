import { TransparencyLogError } from '../errors.ts';
import { bytesAsBuffer } from '../text/base64.ts';
import { TILE_WIDTH } from './tile.ts';

/** The longest entry: its length is written in 16 bits. */
export const MAX_ENTRY_BYTES = 65_535;

const LENGTH_BYTES = 2;

/** Entries as a bundle holds them: each with its length before it, in two bytes, big-endian. Throws `bad-entry` at one too long. */
export function encodeEntries(entries: readonly Uint8Array[]): Uint8Array {
  let total = 0;
  for (const entry of entries) {
    if (entry.length > MAX_ENTRY_BYTES) {
      throw new TransparencyLogError(
        'bad-entry',
        `an entry has at most ${MAX_ENTRY_BYTES} bytes; got ${entry.length}: log its digest instead`,
      );
    }
    total += LENGTH_BYTES + entry.length;
  }
  const bundle = Buffer.allocUnsafe(total);
  let offset = 0;
  for (const entry of entries) {
    offset = bundle.writeUInt16BE(entry.length, offset);
    bundle.set(entry, offset);
    offset += entry.length;
  }
  return bundle;
}

/**
 * The entries of a bundle of `width`, as views on its bytes. Throws `bad-bundle` unless the bytes are exactly so many
 * entries, none cut short and nothing behind them.
 */
export function parseBundle(bundle: Uint8Array, width: number): Uint8Array[] {
  const entries: Uint8Array[] = [];
  let offset = 0;
  while (offset < bundle.length && entries.length < width) {
    const end = endOfEntry(bundle, offset);
    entries.push(bundle.subarray(offset + LENGTH_BYTES, end));
    offset = end;
  }
  if (entries.length !== width || offset !== bundle.length) {
    throw new TransparencyLogError(
      'bad-bundle',
      `a bundle of width ${width} ends with its entry ${width}; this one of ${bundle.length} bytes does not`,
    );
  }
  return entries;
}

/** The first `width` entries of a bundle that may hold more, still encoded. Throws `bad-bundle` where it holds fewer. */
export function bundlePrefix(bundle: Uint8Array, width: number): Uint8Array {
  let offset = 0;
  for (let count = 0; count < width; count += 1) {
    offset = endOfEntry(bundle, offset);
  }
  return bundle.subarray(0, offset);
}

/** A bundle as it was written by a log: how many entries, and their bytes. */
export interface WrittenBundle {
  readonly index: bigint;
  readonly width: number;
  readonly bytes: Uint8Array;
}

/**
 * The bundles that a log of `size` entries writes when it takes more: every one that becomes full, and the partial one at
 * the end. `partial` is the content of the last bundle so far, empty where the size is a multiple of 256.
 * Throws `bad-entry`, and `bad-bundle` where `partial` isn't the bundle of that size.
 */
export function growBundles(
  partial: Uint8Array,
  size: bigint,
  entries: readonly Uint8Array[],
): WrittenBundle[] {
  const bundles: WrittenBundle[] = [];
  let begun = bytesAsBuffer(partial);
  let width = Number(size % BigInt(TILE_WIDTH));
  let index = size / BigInt(TILE_WIDTH);
  parseBundle(partial, width);
  for (let from = 0; from < entries.length; ) {
    const taken = entries.slice(from, from + TILE_WIDTH - width);
    const bytes = Buffer.concat([begun, encodeEntries(taken)]);
    width += taken.length;
    from += taken.length;
    bundles.push({ index, width, bytes });
    index += 1n;
    width = 0;
    begun = Buffer.alloc(0);
  }
  return bundles;
}

function endOfEntry(bundle: Uint8Array, offset: number): number {
  const start = offset + LENGTH_BYTES;
  const end = start <= bundle.length ? start + bytesAsBuffer(bundle).readUInt16BE(offset) : Infinity;
  if (end > bundle.length) {
    throw new TransparencyLogError('bad-bundle', `the bundle's entry at byte ${offset} is cut short`);
  }
  return end;
}
