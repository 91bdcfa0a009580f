import { createHash, type KeyObject, randomBytes } from 'node:crypto';
import { PayloadSealingError } from './errors.ts';
import { type KeyPair, rawPublicKey, X25519_KEY_BYTES, x25519Pair, x25519Public } from './hpke.ts';

export const KEY_ID_BYTES = 8;
const PREFIX = 'tgv-seal-';

/** The vault's public key: what gateways seal to. */
export interface SealingKey {
  /** 16 hex digits: the beginning of the public key's SHA-256. */
  readonly id: string;
  readonly publicKey: KeyObject;
}

/** The vault's own key pair. */
export interface UnsealingKey extends SealingKey {
  readonly pair: KeyPair;
}

/** The public key as text, in base64. */
export function formatSealingKey({ publicKey }: SealingKey): string {
  return rawPublicKey(publicKey).toString('base64');
}

/** @throws PayloadSealingError `key_invalid` */
export function readSealingKey(text: string): SealingKey {
  const raw = Buffer.from(text, 'base64');
  return { id: keyId(raw), publicKey: x25519Public(raw) };
}

/** A new pair, as the one line that a key file holds. */
export function newUnsealingKey(random: (bytes: number) => Buffer = randomBytes): string {
  return `${PREFIX}${random(X25519_KEY_BYTES).toString('base64url')}`;
}

/** @throws PayloadSealingError `key_invalid`, without the text */
export function readUnsealingKey(line: string): UnsealingKey {
  if (!line.startsWith(PREFIX)) {
    throw new PayloadSealingError('key_invalid', `a sealing key begins with ${PREFIX}`);
  }
  const pair = x25519Pair(Buffer.from(line.slice(PREFIX.length), 'base64url'));
  return { id: keyId(rawPublicKey(pair.publicKey)), publicKey: pair.publicKey, pair };
}

function keyId(raw: Uint8Array): string {
  return createHash('sha256').update(raw).digest().subarray(0, KEY_ID_BYTES).toString('hex');
}
