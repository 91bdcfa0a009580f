import { TransparencyLogError } from '../errors.ts';
import { encodeText } from '../text/utf8.ts';
import { privateKeyOf, publicBytesOf, publicKeyOf, signEd25519, verifyEd25519 } from './ed25519.ts';
import {
  idMismatch,
  parseSignerKey,
  parseVerifierKey,
  requireSeed,
  SIGNATURE_TYPE,
  type SignatureType,
  type VerifierKey,
  verifierKey,
} from './key.ts';
import { formatNote, type Note, type NoteSignature } from './note.ts';

/** Something that signs the text of notes under a name, wherever its key may be. */
export interface NoteSigner {
  readonly key: VerifierKey;
  sign(text: Uint8Array): Uint8Array;
}

/** Something that knows one key's signatures from others. */
export interface NoteVerifier {
  readonly name: string;
  readonly keyId: number;
  readonly type: SignatureType;
  verify(text: Uint8Array, signature: Uint8Array): boolean;
}

/** A signer with a plain Ed25519 key, from its name and 32-byte seed. Throws `bad-key`. */
export function ed25519Signer(name: string, seed: Uint8Array): NoteSigner {
  requireSeed(seed);
  const privateKey = privateKeyOf(seed);
  return {
    key: verifierKey(name, SIGNATURE_TYPE.ed25519, publicBytesOf(privateKey)),
    sign: (text) => signEd25519(text, privateKey),
  };
}

/** The same from `PRIVATE+KEY+name+hash+base64`. Throws `bad-key`, `unknown-key-type`, `key-id-mismatch`. */
export function readSigner(signerKey: string): NoteSigner {
  const { name, keyId, type, seed } = parseSignerKey(signerKey);
  if (type !== SIGNATURE_TYPE.ed25519) {
    throw wrongType('sign a checkpoint with an Ed25519 key of type 1');
  }
  const signer = ed25519Signer(name, seed);
  if (signer.key.keyId !== keyId) {
    throw idMismatch(name);
  }
  return signer;
}

/** A verifier of plain Ed25519 signatures, from `name+hash+base64`. Throws `bad-key`, `unknown-key-type`, `key-id-mismatch`. */
export function readVerifier(key: string): NoteVerifier {
  const { name, keyId, type, publicKey } = parseVerifierKey(key);
  if (type !== SIGNATURE_TYPE.ed25519) {
    throw wrongType("this is a witness's key; a log's is of type 1");
  }
  const imported = publicKeyOf(publicKey);
  return { name, keyId, type, verify: (text, signature) => verifyEd25519(text, signature, imported) };
}

/**
 * A note of that text with a signature of each signer, behind those that it has already; one of the same key is
 * replaced. Throws `bad-note` where the text can't be a note's.
 */
export function signNote(
  text: string,
  signers: readonly NoteSigner[],
  existing: readonly NoteSignature[] = [],
): string {
  const bytes = encodeText(text);
  const made = signers.map(({ key, sign }) => ({ name: key.name, keyId: key.keyId, signature: sign(bytes) }));
  return formatNote(withSignatures({ text, signatures: existing }, made));
}

/** The note with signatures added at its end; one of the same key is replaced. */
export function withSignatures(note: Note, added: readonly NoteSignature[]): Note {
  const kept = note.signatures.filter((old) => !added.some((signature) => isSameKey(old, signature)));
  return { text: note.text, signatures: [...kept, ...added] };
}

/** Whether two signatures, or a signature and a key, go by the same name and key id. */
export function isSameKey(
  a: Pick<NoteSignature, 'name' | 'keyId'>,
  b: Pick<NoteSignature, 'name' | 'keyId'>,
): boolean {
  return a.keyId === b.keyId && a.name === b.name;
}

function wrongType(message: string): TransparencyLogError {
  return new TransparencyLogError('unknown-key-type', message);
}
