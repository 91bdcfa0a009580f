import { TransparencyLogError } from '../errors.ts';
import { emptyRoot, HASH_BYTES, sameBytes } from '../merkle/hash.ts';
import { requireSize } from '../merkle/size.ts';
import type { NoteSignature } from '../note/note.ts';
import { type NoteSigner, signNote } from '../note/signer.ts';
import { decodeBase64, encodeBase64 } from '../text/base64.ts';
import { parseDecimal } from '../text/decimal.ts';

/** What a log says of itself at one size: tlog-checkpoint. */
export interface Checkpoint {
  /** The log's identity, the same for ever, such as `example.com/audit`. */
  readonly origin: string;
  /** The number of entries. */
  readonly size: bigint;
  /** The 32 bytes of the root of the tree of that size. */
  readonly root: Uint8Array;
  /** Further lines, opaque; the specification advises against them. */
  readonly extensions: readonly string[];
}

/**
 * The text that is signed: origin, size, root and extension lines. Throws `bad-checkpoint` for one that `parseCheckpoint`
 * would read otherwise, `bad-size`.
 */
export function formatCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  requireSize(size);
  const text = `${[origin, size.toString(), encodeBase64(root), ...extensions].join('\n')}\n`;
  const read = parseCheckpoint(text);
  if (read.origin !== origin || read.extensions.length !== extensions.length) {
    throw badCheckpoint('a line of it holds a newline');
  }
  return text;
}

/**
 * The checkpoint of a note's text. Throws `bad-checkpoint` unless it is exactly that: three lines that are not empty, a
 * size without leading zeros up to 2^64 − 1, 32 bytes of root, and for the empty tree the root that the empty tree has.
 */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  if (lines.pop() !== '' || lines.length < 3 || lines.includes('')) {
    throw badCheckpoint('it takes three lines or more, none of them empty, each ended by a newline');
  }
  const [origin = '', sizeLine = '', rootLine = '', ...extensions] = lines;
  const size = parseDecimal(sizeLine);
  if (size === undefined) {
    throw badCheckpoint('its second line is not a size');
  }
  const root = decodeBase64(rootLine);
  if (root?.length !== HASH_BYTES) {
    throw badCheckpoint('its third line is not the base64 of a 32-byte root');
  }
  if (size === 0n && !sameBytes(root, emptyRoot())) {
    throw badCheckpoint('the root of an empty tree is the hash of no bytes, and this one is not');
  }
  return { origin, size, root, extensions };
}

/**
 * The checkpoint as it is published, signed by the log's keys: one usually, the old and the new one while keys rotate.
 * Throws `origin-mismatch` where a signer goes by another name than the log, since verifiers look for that name.
 */
export function signCheckpoint(
  checkpoint: Checkpoint,
  signers: readonly NoteSigner[],
  existing: readonly NoteSignature[] = [],
): string {
  for (const { key } of signers) {
    if (key.name !== checkpoint.origin) {
      throw new TransparencyLogError(
        'origin-mismatch',
        `the key is of '${key.name}' and the log of '${checkpoint.origin}': name the key after the log's origin`,
      );
    }
  }
  return signNote(formatCheckpoint(checkpoint), signers, existing);
}

function badCheckpoint(what: string): TransparencyLogError {
  return new TransparencyLogError('bad-checkpoint', `this is not a checkpoint: ${what}`);
}
