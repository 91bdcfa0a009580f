import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { AuditError } from '../errors.ts';

/** A checkpoint whose signature was checked. */
export interface SignedCheckpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

interface LogKey {
  readonly name: string;
  /** The first four bytes of SHA-256(name ‖ "\n" ‖ 0x01 ‖ public key). */
  readonly hash: Buffer;
  readonly key: KeyObject;
}

const ED25519 = 1;
const KEY_HASH_BYTES = 4;
const KEY_BYTES = 32;
/** What stands before an Ed25519 key in SubjectPublicKeyInfo (RFC 8410). */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');
const SIGNATURE_LINE = /^— (\S+) ([A-Za-z0-9+/=]+)$/;

/** @param text `name+hash+base64`, as `tollgate audit key` prints it. @throws AuditError `not_proven` */
export function readLogKey(text: string): LogKey {
  const [name = '', hex = '', ...rest] = text.trim().split('+');
  const bytes = Buffer.from(rest.join('+'), 'base64');
  const hash = createHash('sha256').update(`${name}\n`).update(bytes).digest().subarray(0, KEY_HASH_BYTES);
  if (name === '' || bytes[0] !== ED25519 || bytes.length !== 1 + KEY_BYTES || hash.toString('hex') !== hex) {
    throw new AuditError('not_proven', 'a verifier key is not what `tollgate audit key` prints');
  }
  const key = createPublicKey({
    key: Buffer.concat([SPKI_HEAD, bytes.subarray(1)]),
    format: 'der',
    type: 'spki',
  });
  return { name, hash, key };
}

/**
 * Reads a C2SP tlog-checkpoint, of which at least one of the keys has to have made a signature, and none a wrong one.
 * @throws AuditError `not_proven`
 */
export function openSigned(note: Buffer, keys: readonly LogKey[]): SignedCheckpoint {
  const text = note.toString('utf8');
  const end = text.lastIndexOf('\n\n') + 1;
  const body = text.slice(0, end);
  const [origin = '', size = '', root = ''] = body.split('\n');
  if (end === 0 || !/^(0|[1-9]\d{0,14})$/.test(size) || Buffer.from(root, 'base64').length !== 32) {
    throw new AuditError('not_proven', 'the checkpoint is not one');
  }
  let signed = false;
  for (const line of text.slice(end + 1).split('\n')) {
    const [, name = '', base64 = ''] = SIGNATURE_LINE.exec(line) ?? [];
    const bytes = Buffer.from(base64, 'base64');
    const by = keys.find((key) => key.name === name && key.hash.equals(bytes.subarray(0, KEY_HASH_BYTES)));
    if (by === undefined) continue;
    if (!verify(null, Buffer.from(body), by.key, bytes.subarray(KEY_HASH_BYTES))) {
      throw new AuditError('not_proven', `the checkpoint's signature by ${by.name} is wrong`);
    }
    signed = true;
  }
  if (!signed) throw new AuditError('not_proven', 'none of the given keys has signed the checkpoint');
  if (keys.every(({ name }) => name !== origin)) {
    throw new AuditError('not_proven', `the checkpoint is of the log ${origin}, and no given key is`);
  }
  return { origin, size: Number(size), root: Buffer.from(root, 'base64') };
}
