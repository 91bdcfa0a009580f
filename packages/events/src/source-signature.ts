import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { heartbeatSigningInput } from './source-events.ts';

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Instances and services at once; beyond it the oldest is forgotten. */
const MAX_KEYS = 1024;

const keys = new Map<string, KeyObject | null>();

/**
 * Whether the holder of an Ed25519 key said that `source` has come to `through` with this chain.
 * @param publicKey base64 of the key's 32 bytes
 */
export function isSignedBy(
  publicKey: string,
  word: {
    readonly source: string;
    readonly through: number;
    readonly chain: string;
    readonly signature: string;
  },
): boolean {
  const key = keyOf(publicKey);
  const signature = Buffer.from(word.signature, 'base64');
  if (key === null || signature.length !== SIGNATURE_BYTES) return false;
  return verify(null, heartbeatSigningInput(word.source, word.through, word.chain), key, signature);
}

function keyOf(publicKey: string): KeyObject | null {
  const known = keys.get(publicKey);
  if (known !== undefined) return known;
  const bytes = Buffer.from(publicKey, 'base64');
  let key: KeyObject | null = null;
  if (bytes.length === KEY_BYTES) {
    try {
      key = createPublicKey({
        format: 'jwk',
        key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') },
      });
    } catch {
      key = null;
    }
  }
  const oldest = keys.keys().next();
  if (keys.size >= MAX_KEYS && oldest.done !== true) keys.delete(oldest.value);
  keys.set(publicKey, key);
  return key;
}
