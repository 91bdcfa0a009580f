import { TransparencyLogError } from '../errors.ts';
import { encodeText, type TextInput } from '../text/utf8.ts';
import { type Note, type NoteSignature, parseNote } from './note.ts';
import { isSameKey, type NoteVerifier } from './signer.ts';

/** A signature that its key has verified. */
export interface VerifiedSignature extends NoteSignature {
  readonly verifier: NoteVerifier;
}

/** A note whose text may be believed as far as the keys that signed it. */
export interface OpenedNote extends Note {
  /** One a key, in the order of the note; never empty. */
  readonly verified: readonly [VerifiedSignature, ...VerifiedSignature[]];
}

/**
 * A note and which of the known keys signed it. Signatures of unknown keys are ignored, which is what lets keys rotate and
 * witnesses come; one of a known key that fails makes the whole note worthless.
 * Throws `bad-note`, `bad-signature`, `no-known-signature`, and `ambiguous-key` where two keys go by one name and id.
 */
export function openNote(input: TextInput, known: readonly NoteVerifier[]): OpenedNote {
  const note = parseNote(input);
  const [first, ...others] = verifiedSignatures(note.text, note.signatures, known);
  if (first === undefined) {
    throw new TransparencyLogError(
      'no-known-signature',
      'none of the keys known here has signed this note: check the verifier key, or add the one that its log uses now',
    );
  }
  return { ...note, verified: [first, ...others] };
}

/** Those signatures that known keys made over the text, one a key. Throws `bad-signature`, `ambiguous-key`. */
export function verifiedSignatures(
  text: string,
  signatures: readonly NoteSignature[],
  known: readonly NoteVerifier[],
): VerifiedSignature[] {
  requireDistinct(known);
  const bytes = encodeText(text);
  const verified: VerifiedSignature[] = [];
  for (const signature of signatures) {
    const verifier = known.find((key) => isSameKey(key, signature));
    if (verifier === undefined || verified.some((other) => isSameKey(other, signature))) {
      continue;
    }
    if (!verifier.verify(bytes, signature.signature)) {
      throw new TransparencyLogError(
        'bad-signature',
        `the signature of '${signature.name}' does not fit the text: one of them was changed, or the key is another's`,
      );
    }
    verified.push({ ...signature, verifier });
  }
  return verified;
}

function requireDistinct(known: readonly NoteVerifier[]): void {
  known.forEach((key, at) => {
    if (known.some((other, before) => before < at && isSameKey(other, key))) {
      throw new TransparencyLogError(
        'ambiguous-key',
        `two keys go by the name '${key.name}' and the same hash: remove one of them`,
      );
    }
  });
}
