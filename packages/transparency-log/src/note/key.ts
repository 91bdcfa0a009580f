import { hash } from 'node:crypto';
import { TransparencyLogError } from '../errors.ts';
import { decodeBase64, encodeBase64 } from '../text/base64.ts';

/** The signature types of signed notes that are taken here, by their assigned identifier byte. */
export const SIGNATURE_TYPE = { ed25519: 0x01, cosignatureV1: 0x04 } as const;

/** The identifier byte of one of them. */
export type SignatureType = (typeof SIGNATURE_TYPE)[keyof typeof SIGNATURE_TYPE];

/** The bytes of an Ed25519 public key, and of the seed of a private one. */
const ED25519_KEY_BYTES = 32;

/** A name with its key is at most this long, so that a hostile one costs nothing. */
const MAX_KEY_TEXT_LENGTH = 1_024;

// biome-ignore lint/suspicious/noControlCharactersInRegex: a note may not hold these
const KEY_NAME = /^[^\p{White_Space}\u0000-\u001f+]+$/u;
const VERIFIER_KEY = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/s;
const SIGNER_KEY = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+(.+)$/s;

/** A public key under a name. Name and key id together are how a signature says which key made it. */
export interface VerifierKey {
  readonly name: string;
  readonly keyId: number;
  readonly type: SignatureType;
  /** 32 bytes, as RFC 8032 encodes an Ed25519 public key. */
  readonly publicKey: Uint8Array;
}

/** The key id: the first four bytes, big-endian, of SHA-256(name ‖ 0x0A ‖ type ‖ public key). */
export function keyIdOf(name: string, type: SignatureType, publicKey: Uint8Array): number {
  const digest = hash(
    'sha256',
    Buffer.concat([Buffer.from(`${name}\n`), Uint8Array.of(type), publicKey]),
    'hex',
  );
  return Number.parseInt(digest.slice(0, 8), 16);
}

/** A key under a name, with its id. Throws `bad-key` where the name or the key's length can't be one. */
export function verifierKey(name: string, type: SignatureType, publicKey: Uint8Array): VerifierKey {
  requireKeyName(name);
  if (publicKey.length !== ED25519_KEY_BYTES) {
    throw badKey(`an Ed25519 public key has ${ED25519_KEY_BYTES} bytes; got ${publicKey.length}`);
  }
  return { name, keyId: keyIdOf(name, type, publicKey), type, publicKey };
}

/** `name+hash+base64`: the form in which keys are published. */
export function formatVerifierKey({ name, keyId, type, publicKey }: VerifierKey): string {
  return `${name}+${hexOfKeyId(keyId)}+${typedBase64(type, publicKey)}`;
}

/** The key of such a text. Throws `bad-key`, `key-id-mismatch`, `unknown-key-type`. */
export function parseVerifierKey(text: string): VerifierKey {
  const { name, keyId, type, bytes } = parseTypedKey(
    VERIFIER_KEY,
    text,
    'a verifier key reads name+hash+base64',
  );
  const key = verifierKey(name, type, bytes);
  if (key.keyId !== keyId) {
    throw idMismatch(name);
  }
  return key;
}

/** `PRIVATE+KEY+name+hash+base64`: the form in which note tools keep signing keys. It is a secret. */
export function formatSignerKey(key: VerifierKey, seed: Uint8Array): string {
  return `PRIVATE+KEY+${key.name}+${hexOfKeyId(key.keyId)}+${typedBase64(key.type, seed)}`;
}

/** The parts of such a text; the key id is not yet compared. The message of what is thrown never holds the text. */
export function parseSignerKey(text: string): {
  name: string;
  keyId: number;
  type: SignatureType;
  seed: Uint8Array;
} {
  const { name, keyId, type, bytes } = parseTypedKey(
    SIGNER_KEY,
    text,
    'a signing key reads PRIVATE+KEY+name+hash+base64',
  );
  requireKeyName(name);
  requireSeed(bytes);
  return { name, keyId, type, seed: bytes };
}

/** Whether a text can be a key's name: not empty, no spaces of any kind, no plus, no control characters. */
export function isKeyName(name: string): boolean {
  return name.isWellFormed() && KEY_NAME.test(name);
}

/** Throws `bad-key` unless there are the 32 bytes of a seed. */
export function requireSeed(seed: Uint8Array): void {
  if (seed.length !== ED25519_KEY_BYTES) {
    throw badKey(`an Ed25519 seed has ${ED25519_KEY_BYTES} bytes; got ${seed.length}`);
  }
}

/** What is thrown where a key's id is not that of its name, type and public key. */
export function idMismatch(name: string): TransparencyLogError {
  return new TransparencyLogError(
    'key-id-mismatch',
    `the hash in the key of '${name}' is not that of its name and public key: copy the key again from its source`,
  );
}

function requireKeyName(name: string): void {
  if (!isKeyName(name)) {
    throw badKey('a key name is not empty and has no spaces, plus signs or control characters');
  }
}

function parseTypedKey(
  form: RegExp,
  text: string,
  description: string,
): { name: string; keyId: number; type: SignatureType; bytes: Uint8Array } {
  const [, name, id, base64] = (text.length <= MAX_KEY_TEXT_LENGTH ? form.exec(text) : null) ?? [];
  const typed = base64 === undefined ? undefined : decodeBase64(base64);
  const type = typed?.[0];
  if (name === undefined || id === undefined || typed === undefined || type === undefined) {
    throw badKey(`${description}; this text does not`);
  }
  if (type !== SIGNATURE_TYPE.ed25519 && type !== SIGNATURE_TYPE.cosignatureV1) {
    throw new TransparencyLogError(
      'unknown-key-type',
      `keys of type ${type} are not taken; Ed25519 (1) and its cosignatures (4) are`,
    );
  }
  return { name, keyId: Number.parseInt(id, 16), type, bytes: typed.subarray(1) };
}

function typedBase64(type: SignatureType, bytes: Uint8Array): string {
  return encodeBase64(Buffer.concat([Uint8Array.of(type), bytes]));
}

function hexOfKeyId(keyId: number): string {
  return keyId.toString(16).padStart(8, '0');
}

function badKey(message: string): TransparencyLogError {
  return new TransparencyLogError('bad-key', message);
}
