import { TransparencyLogError } from '../errors.ts';
import { requireSize } from '../merkle/size.ts';
import { formatNote, MAX_NOTE_BYTES, parseNote, parseSignatureLines } from '../note/note.ts';
import { verifiedSignatures } from '../note/open-note.ts';
import { type NoteVerifier, withSignatures } from '../note/signer.ts';
import { parseDecimal } from '../text/decimal.ts';
import { decodeText, type TextInput } from '../text/utf8.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { cosignatureTimestamp } from './cosignature.ts';
import { formatHashLines, parseHashLine, splitAtBlankLine } from './hash-lines.ts';

const OLD = 'old ';

/** The most hashes of a consistency proof that a witness takes. */
const MAX_CONSISTENCY_HASHES = 63;

const MAX_REQUEST_BYTES = MAX_NOTE_BYTES + 8_192;

/** The longest size with its newline. */
const MAX_SIZE_BYTES = 21;

/** What a log sends to a witness: the body of `add-checkpoint`. */
export interface AddCheckpoint {
  /** The size that the witness cosigned last, 0 where it never did. */
  readonly oldSize: bigint;
  /** The consistency proof from there, empty from size 0. */
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint. */
  readonly checkpoint: string;
}

/** The body of `add-checkpoint`. Throws `bad-witness-message`, `bad-size`, `bad-note`, `bad-checkpoint`. */
export function formatAddCheckpoint({ oldSize, proof, checkpoint }: AddCheckpoint): string {
  requireSize(oldSize);
  parseCheckpoint(parseNote(checkpoint).text);
  const body = `${OLD}${oldSize}\n${formatHashLines(proof)}\n${checkpoint}`;
  if (proof.length > MAX_CONSISTENCY_HASHES || (oldSize === 0n && proof.length > 0)) {
    throw badMessage(`it takes at most ${MAX_CONSISTENCY_HASHES} hashes, and none from size 0`);
  }
  return body;
}

/** The parts of such a body; nothing of it is verified. Throws `bad-witness-message`, `bad-note`, `bad-checkpoint`. */
export function parseAddCheckpoint(input: TextInput): AddCheckpoint {
  const text = decodeText(input, MAX_REQUEST_BYTES);
  const parts = text === undefined ? undefined : splitAtBlankLine(text, MAX_CONSISTENCY_HASHES + 1);
  const [oldLine = '', ...lines] = parts?.lines ?? [];
  const oldSize = oldLine.startsWith(OLD) ? parseDecimal(oldLine.slice(OLD.length)) : undefined;
  const proof = lines.map(parseHashLine);
  if (parts === undefined || oldSize === undefined || !proof.every((hash) => hash !== undefined)) {
    throw badMessage('it reads "old" and a size, lines of hashes, an empty line and a checkpoint');
  }
  parseCheckpoint(parseNote(parts.rest).text);
  return { oldSize, proof, checkpoint: parts.rest };
}

/**
 * The size that a witness names when it answers 409: what it cosigned last, and where the proof for the next try starts.
 * Throws `bad-witness-message`.
 */
export function parseConflictSize(input: TextInput): bigint {
  const text = decodeText(input, MAX_SIZE_BYTES);
  const size = text?.endsWith('\n') ? parseDecimal(text.slice(0, -1)) : undefined;
  if (size === undefined) {
    throw badMessage('a witness that answers 409 names a size');
  }
  return size;
}

/**
 * The checkpoint with the cosignatures that a witness answered, those of known witnesses only; a newer one takes the place
 * of an older one. Throws `bad-note`, `bad-signature`, `no-known-signature` where none is of a known witness, and
 * `bad-witness-message` for one without a time.
 */
export function addCosignatures(
  checkpoint: TextInput,
  response: TextInput,
  witnesses: readonly NoteVerifier[],
): string {
  const note = parseNote(checkpoint);
  const lines = decodeText(response, MAX_NOTE_BYTES);
  if (lines === undefined) {
    throw badMessage('its answer is not UTF-8 or too long');
  }
  const added = verifiedSignatures(note.text, parseSignatureLines(lines), witnesses);
  if (added.length === 0) {
    throw new TransparencyLogError(
      'no-known-signature',
      'this answer holds no cosignature of a known witness: check its verifier key',
    );
  }
  if (added.some(({ signature }) => cosignatureTimestamp(signature) === 0n)) {
    throw badMessage('its cosignature of a checkpoint has no time');
  }
  return formatNote(withSignatures(note, added));
}

function badMessage(what: string): TransparencyLogError {
  return new TransparencyLogError(
    'bad-witness-message',
    `this is not a message of the witness protocol: ${what}`,
  );
}
