import { TransparencyLogError } from '../errors.ts';
import { HASH_BYTES } from '../merkle/hash.ts';
import { MAX_TREE_SIZE } from '../merkle/size.ts';
import { verifyInclusion } from '../merkle/verify.ts';
import { MAX_NOTE_BYTES, parseNote } from '../note/note.ts';
import { decodeBase64, encodeBase64 } from '../text/base64.ts';
import { parseDecimal } from '../text/decimal.ts';
import { decodeText, type TextInput } from '../text/utf8.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { formatHashLines, parseHashLine, splitAtBlankLine } from './hash-lines.ts';
import { type CheckpointPolicy, type OpenedCheckpoint, openCheckpoint } from './open-checkpoint.ts';

const HEADER = 'c2sp.org/tlog-proof@v1';
const EXTRA = 'extra ';
const INDEX = 'index ';

/** The most hashes of an inclusion proof: one for each level of a tree of 2^64 − 1 leaves. */
const MAX_INCLUSION_HASHES = 64;

/** The most extra data, so that a line stays within the 64 KiB that other implementations read. */
export const MAX_EXTRA_BYTES = 48_000;

const MAX_TLOG_PROOF_BYTES = MAX_NOTE_BYTES + 2 * MAX_EXTRA_BYTES;

/** A proof that stands on its own: tlog-proof. */
export interface TlogProof {
  /** Opaque to the log and not authenticated by itself, such as the salt that a leaf's digest was made with. */
  readonly extra?: Uint8Array;
  /** The entry's index, from 0. */
  readonly index: bigint;
  /** The inclusion proof, from the leaf's sibling up. */
  readonly hashes: readonly Uint8Array[];
  /** The signed checkpoint as it was published. */
  readonly checkpoint: string;
}

/** The proof as it is stored in a `.tlog-proof` file. Throws `bad-proof` for what `parseTlogProof` would refuse. */
export function formatTlogProof({ extra, index, hashes, checkpoint }: TlogProof): string {
  if (hashes.some((hash) => hash.length !== HASH_BYTES) || hashes.length > MAX_INCLUSION_HASHES) {
    throw badProof(`its hashes are at most ${MAX_INCLUSION_HASHES} of ${HASH_BYTES} bytes`);
  }
  if (index < 0n || index > MAX_TREE_SIZE) {
    throw badProof('its index is not a 64-bit one');
  }
  if (extra !== undefined && (extra.length === 0 || extra.length > MAX_EXTRA_BYTES)) {
    throw badProof(`its extra data has 1 to ${MAX_EXTRA_BYTES} bytes where it has any`);
  }
  parseCheckpoint(parseNote(checkpoint).text);
  const extraLine = extra === undefined ? '' : `${EXTRA}${encodeBase64(extra)}\n`;
  return `${HEADER}\n${extraLine}${INDEX}${index}\n${formatHashLines(hashes)}\n${checkpoint}`;
}

/**
 * The parts of such a file; nothing of it is verified. Throws `bad-proof` where it isn't exactly that, and `bad-note` or
 * `bad-checkpoint` where what follows isn't a checkpoint.
 */
export function parseTlogProof(input: TextInput): TlogProof {
  const text = decodeText(input, MAX_TLOG_PROOF_BYTES);
  const parts = text === undefined ? undefined : splitAtBlankLine(text, MAX_INCLUSION_HASHES + 3);
  if (parts === undefined) {
    throw badProof('it is not UTF-8, too long, or has no blank line before its checkpoint');
  }
  const lines = [...parts.lines];
  if (lines.shift() !== HEADER) {
    throw badProof(`its first line is not ${HEADER}`);
  }
  const extra = lines[0]?.startsWith(EXTRA) ? parseExtra(lines.shift() ?? '') : undefined;
  const indexLine = lines.shift() ?? '';
  const index = indexLine.startsWith(INDEX) ? parseDecimal(indexLine.slice(INDEX.length)) : undefined;
  if (index === undefined) {
    throw badProof('it has no line "index" with a decimal');
  }
  const hashes = lines.map(parseHashLine);
  if (!hashes.every((hash) => hash !== undefined) || hashes.length > MAX_INCLUSION_HASHES) {
    throw badProof('its hashes are not lines of the base64 of 32 bytes, at most 64');
  }
  parseCheckpoint(parseNote(parts.rest).text);
  return { ...(extra === undefined ? {} : { extra }), index, hashes, checkpoint: parts.rest };
}

/** A proof whose every part was verified but its extra data, which counts only as far as it leads to the leaf hash. */
export interface VerifiedTlogProof extends OpenedCheckpoint {
  readonly index: bigint;
}

/**
 * Judges a proof for a leaf that the caller hashed itself, from the entry and perhaps the proof's extra data: the
 * checkpoint satisfies the policy and the leaf is in its tree. No network, no clock.
 * Throws what `parseTlogProof` and `openCheckpoint` throw, and `not-included`.
 */
export function verifyTlogProof(
  input: TextInput | TlogProof,
  leafHash: Uint8Array,
  policy: CheckpointPolicy,
): VerifiedTlogProof {
  const proof = typeof input === 'string' || input instanceof Uint8Array ? parseTlogProof(input) : input;
  const opened = openCheckpoint(proof.checkpoint, policy);
  const { size, root } = opened.checkpoint;
  if (!verifyInclusion(proof.index, size, leafHash, proof.hashes, root)) {
    throw new TransparencyLogError(
      'not-included',
      `this proof does not show the leaf at index ${proof.index} of the log of ${size} entries: the entry, its salt or the proof was changed`,
    );
  }
  return { ...opened, index: proof.index };
}

function parseExtra(line: string): Uint8Array {
  const extra = decodeBase64(line.slice(EXTRA.length));
  if (extra === undefined || extra.length === 0 || extra.length > MAX_EXTRA_BYTES) {
    throw badProof(`its extra data is not the base64 of 1 to ${MAX_EXTRA_BYTES} bytes`);
  }
  return extra;
}

function badProof(what: string): TransparencyLogError {
  return new TransparencyLogError('bad-proof', `this is not a proof of a transparency log: ${what}`);
}
