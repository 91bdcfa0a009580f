import { createHash, randomBytes } from 'node:crypto';
import { openGcm, sealGcm } from '@tollgate/payload-sealing';
import { AuditError } from '../../errors.ts';
import { makeSecret, readSecret, replaceSecret } from '../../files/secret-file.ts';

/** A secret as a master key wrapped it. */
export interface Wrapped {
  /** Which master key did; at most 128 characters. */
  readonly keyId: string;
  /** At most 256 bytes. */
  readonly bytes: Buffer;
}

/**
 * What wraps the keys of teams and days: keys in a file or in the environment here, or a key management service. `aad`
 * says what is wrapped; it has to be given again to unwrap it.
 */
export interface MasterKey {
  wrap(secret: Uint8Array, aad: Uint8Array): Promise<Wrapped>;
  /** @throws AuditError `vault_key` where the key is not there any more; PayloadSealingError `seal_broken` */
  unwrap(wrapped: Wrapped, aad: Uint8Array): Promise<Buffer>;
  /** Has another key wrap from now on. False where that is done elsewhere, as with keys from the environment. */
  renew(): Promise<boolean>;
  /** Destroys every key but the one that wraps. False where that is done elsewhere. */
  destroyOthers(): Promise<boolean>;
}

const PREFIX = 'tgv-master-';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
/** Keys at once: the one that wraps, and those it takes over from. */
const MAX_KEYS = 8;

interface LocalKey {
  readonly id: string;
  readonly line: string;
  readonly key: Buffer;
}

/** Master keys from the environment, one a line: the first wraps, the others only unwrap. @throws AuditError `vault_key` */
export function masterKeyFromText(text: string): MasterKey {
  const keys = readKeys(text);
  return localMasterKey({
    keys: async () => keys,
    renew: async () => false,
    destroyOthers: async () => false,
  });
}

/**
 * Master keys in a file that its owner alone can read, made where there is none.
 *
 * @param begun whether anything was wrapped before: a new key then would open nothing
 * @throws AuditError `vault_key`
 */
export async function openMasterKeyFile(file: string, begun: boolean): Promise<MasterKey> {
  if ((await readSecret(file)) === null) {
    if (begun) {
      throw keyError(`there is none at ${file}, although the vault holds payloads: restore it from a backup`);
    }
    await makeSecret(file, `${newMasterKey()}\n`);
  }
  const keys = async () => readKeys((await readSecret(file)) ?? '');
  await keys();
  const rewrite = (all: readonly LocalKey[]) =>
    replaceSecret(file, `${all.map(({ line }) => line).join('\n')}\n`);
  return localMasterKey({
    keys,
    async renew() {
      await rewrite([readKey(newMasterKey()), ...(await keys())]);
      return true;
    },
    async destroyOthers() {
      await rewrite((await keys()).slice(0, 1));
      return true;
    },
  });
}

/** A new key, as the one line that the file or the variable holds. */
export function newMasterKey(random: (bytes: number) => Buffer = randomBytes): string {
  return `${PREFIX}${random(KEY_BYTES).toString('base64url')}`;
}

function localMasterKey(parts: {
  readonly keys: () => Promise<readonly LocalKey[]>;
  readonly renew: () => Promise<boolean>;
  readonly destroyOthers: () => Promise<boolean>;
}): MasterKey {
  return {
    renew: parts.renew,
    destroyOthers: parts.destroyOthers,
    async wrap(secret, aad) {
      const [current] = await parts.keys();
      if (current === undefined) throw keyError('there is none');
      const nonce = randomBytes(NONCE_BYTES);
      return { keyId: current.id, bytes: Buffer.concat([nonce, sealGcm(current.key, nonce, aad, secret)]) };
    },
    async unwrap({ keyId, bytes }, aad) {
      const key = (await parts.keys()).find(({ id }) => id === keyId);
      if (key === undefined) {
        throw keyError(
          `what is asked for is wrapped by ${keyId}, which is not here: it was destroyed, or is missing`,
        );
      }
      return openGcm(key.key, bytes.subarray(0, NONCE_BYTES), aad, bytes.subarray(NONCE_BYTES));
    },
  };
}

function readKeys(text: string): LocalKey[] {
  const lines = text.split('\n').map((line) => line.trim());
  const keys = lines.filter((line) => line !== '').map(readKey);
  if (keys.length === 0 || keys.length > MAX_KEYS)
    throw keyError(`it takes 1 to ${MAX_KEYS} keys, one a line`);
  return keys;
}

function readKey(line: string): LocalKey {
  const key = Buffer.from(line.slice(PREFIX.length), 'base64url');
  if (!line.startsWith(PREFIX) || key.length !== KEY_BYTES) {
    throw keyError(`a key is ${PREFIX} and 32 bytes in base64url`);
  }
  return { id: createHash('sha256').update(key).digest('hex').slice(0, 16), line, key };
}

function keyError(what: string): AuditError {
  return new AuditError('vault_key', `the vault's master key: ${what}`);
}
