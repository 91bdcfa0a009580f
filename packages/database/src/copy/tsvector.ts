import { MAX_UTF8_BYTES_PER_UNIT, writeText } from '../binary-values.ts';

const COUNT_BYTES = 4;
/** Behind each lexeme: its terminator, and that it has no positions. */
const TAIL_BYTES = 3;
const SCRATCH_BYTES = 16_384;

// Encoding is synchronous, so that no two callers are ever in it at once.
const kept = Buffer.alloc(SCRATCH_BYTES);

/**
 * A tsvector of these lexemes without positions, in the protocol's binary form (`tsvectorrecv` in
 * src/backend/utils/adt/tsvector.c), for `CopyRows.bytes`. None may be there twice, be empty or hold U+0000.
 */
export function tsvectorBytes(lexemes: readonly string[]): Buffer {
  let most = COUNT_BYTES;
  for (const lexeme of lexemes) most += lexeme.length * MAX_UTF8_BYTES_PER_UNIT + TAIL_BYTES;
  const scratch = most <= SCRATCH_BYTES ? kept : Buffer.allocUnsafe(most);
  let at = scratch.writeInt32BE(lexemes.length, 0);
  for (const lexeme of lexemes) {
    at += writeText(scratch, lexeme, at);
    scratch[at] = 0;
    scratch[at + 1] = 0;
    scratch[at + 2] = 0;
    at += TAIL_BYTES;
  }
  return Buffer.from(scratch.subarray(0, at));
}
