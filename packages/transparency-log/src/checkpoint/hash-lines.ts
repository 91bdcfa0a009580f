import { HASH_BYTES } from '../merkle/hash.ts';
import { decodeBase64, encodeBase64 } from '../text/base64.ts';

/** Hashes as lines of base64, each ended by a newline: how proofs are written. */
export function formatHashLines(hashes: readonly Uint8Array[]): string {
  return hashes.map((hash) => `${encodeBase64(hash)}\n`).join('');
}

/** The hash of a line, or undefined where it isn't one. */
export function parseHashLine(line: string): Uint8Array | undefined {
  const hash = decodeBase64(line);
  return hash?.length === HASH_BYTES ? hash : undefined;
}

/**
 * What stands before the first empty line, as lines, and what stands behind it; undefined where there is no empty line or
 * there are more lines than `maxLines` before it.
 */
export function splitAtBlankLine(
  text: string,
  maxLines: number,
): { readonly lines: string[]; readonly rest: string } | undefined {
  const blank = text.indexOf('\n\n');
  if (blank < 0) {
    return undefined;
  }
  const lines = text.slice(0, blank).split('\n', maxLines + 1);
  return lines.length > maxLines ? undefined : { lines, rest: text.slice(blank + 2) };
}
