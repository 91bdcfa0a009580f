import { TransparencyLogError } from '../errors.ts';
import { privateKeyOf, publicBytesOf, publicKeyOf, signEd25519, verifyEd25519 } from '../note/ed25519.ts';
import { parseVerifierKey, requireSeed, SIGNATURE_TYPE, verifierKey } from '../note/key.ts';
import type { NoteSigner, NoteVerifier } from '../note/signer.ts';
import { bytesAsBuffer } from '../text/base64.ts';

const TIMESTAMP_BYTES = 8;
const MAX_TIMESTAMP = 2n ** 63n - 1n;

/**
 * A verifier of a witness's cosignatures (cosignature/v1, Ed25519), from its verifier key. Witnesses publish their key as
 * type 4, or as a plain one of type 1; both stand for the same key here, whose id is that of type 4.
 * Throws `bad-key`, `unknown-key-type`, `key-id-mismatch`.
 */
export function readWitness(key: string): NoteVerifier {
  const { name, publicKey } = parseVerifierKey(key);
  const { keyId, type } = verifierKey(name, SIGNATURE_TYPE.cosignatureV1, publicKey);
  const imported = publicKeyOf(publicKey);
  return {
    name,
    keyId,
    type,
    verify: (text, signature) => {
      if (signature.length < TIMESTAMP_BYTES) {
        return false;
      }
      const timestamp = cosignatureTimestamp(signature);
      return (
        timestamp <= MAX_TIMESTAMP &&
        verifyEd25519(cosignedMessage(timestamp, text), signature.subarray(TIMESTAMP_BYTES), imported)
      );
    },
  };
}

/**
 * A signer of cosignatures, as a witness has it. `now` is POSIX time in seconds. What a cosignature states, that the log
 * only grew, its holder checks before signing. Throws `bad-key`.
 */
export function cosigner(name: string, seed: Uint8Array, now: () => bigint): NoteSigner {
  requireSeed(seed);
  const privateKey = privateKeyOf(seed);
  return {
    key: verifierKey(name, SIGNATURE_TYPE.cosignatureV1, publicBytesOf(privateKey)),
    sign: (text) => {
      const timestamp = now();
      const stamp = Buffer.alloc(TIMESTAMP_BYTES);
      stamp.writeBigUInt64BE(timestamp);
      return Buffer.concat([stamp, signEd25519(cosignedMessage(timestamp, text), privateKey)]);
    },
  };
}

/** The POSIX time in seconds that a verified cosignature was made at. Throws `bad-signature` where it has none. */
export function cosignatureTimestamp(signature: Uint8Array): bigint {
  if (signature.length < TIMESTAMP_BYTES) {
    throw new TransparencyLogError('bad-signature', 'this signature is too short to be a cosignature');
  }
  return bytesAsBuffer(signature).readBigUInt64BE();
}

/** What a cosignature signs: two lines of header before the checkpoint's text. */
function cosignedMessage(timestamp: bigint, text: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`cosignature/v1\ntime ${timestamp}\n`), text]);
}
