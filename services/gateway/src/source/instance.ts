import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { heartbeatSigningInput } from '@tollgate/events';
import { SpoolError } from '../spool/errors.ts';

/** A name as it may stand in a source, `/gateways/<instance>/<epoch>`. */
const INSTANCE_NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** Who this gateway is: a name and a key pair that live as long as the spool folder. */
export interface Instance {
  readonly name: string;
  /** The raw 32 bytes of the Ed25519 public key, base64. */
  readonly publicKey: string;
  /** Ed25519 over `heartbeatSigningInput`, base64. About 50 µs. */
  sign(source: string, through: number, chain: string): string;
}

/**
 * The instance that a spool folder belongs to; made where there is none.
 *
 * @param configured the name to use; without one, the folder's own or a random one
 * @throws SpoolError `spool-foreign` if the folder belongs to another, `spool-setting` for a name that can't be used
 */
export function openInstance(folder: string, configured?: string): Instance {
  const nameFile = join(folder, 'instance');
  const existing = existsSync(nameFile) ? readFileSync(nameFile, 'utf8').trim() : null;
  const name = existing ?? configured ?? `gw-${randomBytes(5).toString('hex')}`;
  if (!INSTANCE_NAME.test(name)) {
    throw new SpoolError(
      'spool-setting',
      `the instance name '${name}' can't be used: 1 to 64 letters, digits, dots, underscores and hyphens`,
    );
  }
  if (configured !== undefined && existing !== null && existing !== configured) {
    throw new SpoolError(
      'spool-foreign',
      `the spool ${folder} belongs to the gateway instance '${existing}', not '${configured}': use that name, or a folder of its own for each instance`,
    );
  }
  if (existing === null) writeDurably(nameFile, `${name}\n`);
  const privateKey = openKey(join(folder, 'instance-key.pem'));
  return {
    name,
    publicKey: rawPublicKey(privateKey),
    sign: (source, through, chain) =>
      sign(null, heartbeatSigningInput(source, through, chain), privateKey).toString('base64'),
  };
}

function openKey(file: string): KeyObject {
  if (existsSync(file)) return createPrivateKey(readFileSync(file));
  const { privateKey } = generateKeyPairSync('ed25519');
  writeDurably(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  return privateKey;
}

function rawPublicKey(privateKey: KeyObject): string {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (x === undefined) throw new TypeError('invariant: an Ed25519 key has an x member in its JWK form');
  return Buffer.from(x, 'base64url').toString('base64');
}

/** Whole or not at all: a name or key that was half written would end the instance. */
function writeDurably(file: string, content: string | Buffer): void {
  const next = `${file}.next`;
  const fd = openSync(next, 'w', 0o600);
  try {
    writeFileSync(fd, content);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(next, file);
}
