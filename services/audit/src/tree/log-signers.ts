import { randomBytes } from 'node:crypto';
import {
  ed25519Signer,
  formatSignerKey,
  formatVerifierKey,
  type NoteSigner,
  readSigner,
  signCheckpoint,
  signNote,
  TransparencyLogError,
} from '@tollgate/transparency-log';
import { AuditError } from '../errors.ts';
import { errorCode } from '../files/error-code.ts';
import { makeSecret, readSecret } from '../files/secret-file.ts';
import type { Publication } from './publication.ts';

/** The log's name and its keys: one usually, the old and the new one while keys rotate. */
export interface LogSigners {
  readonly origin: string;
  /** `name+hash+base64`, for whoever verifies. */
  readonly verifierKeys: readonly string[];
  /** The checkpoint of a tree, signed by every key. */
  sign(size: number, root: Buffer): Publication;
  /** A note of a text that can be no checkpoint: its first line is not the log's origin. */
  signText(text: string): string;
}

/** The origin of a log whose operator named none. */
export const DEFAULT_ORIGIN = 'tollgate.internal/audit';
const SEED_BYTES = 32;
/** Keys that sign at once. */
const MAX_KEYS = 8;

/**
 * Signers from signing keys, one a line, as `PRIVATE+KEY+name+hash+base64`. All go by the log's origin.
 * @throws AuditError `log_key`; its message never holds a key
 */
export function readLogSigners(text: string, origin: string | undefined): LogSigners {
  const lines = text.split('\n').map((line) => line.trim());
  const keys = lines.filter((line) => line !== '').map(readKey);
  const [first] = keys;
  if (first === undefined || keys.length > MAX_KEYS)
    throw keyError(`it takes 1 to ${MAX_KEYS} signing keys, one a line`);
  const name = origin ?? first.key.name;
  const other = keys.find(({ key }) => key.name !== name);
  if (other !== undefined) {
    throw keyError(
      `a key is of '${other.key.name}' and the log of '${name}': the origin of a log stays the same for ever`,
    );
  }
  return logSigners(name, keys);
}

function logSigners(origin: string, keys: readonly NoteSigner[]): LogSigners {
  return {
    origin,
    verifierKeys: keys.map(({ key }) => formatVerifierKey(key)),
    sign: (size, root) => ({
      size,
      root,
      checkpoint: signCheckpoint({ origin, size: BigInt(size), root, extensions: [] }, keys),
    }),
    signText(text) {
      // Whoever could have it sign any text could have it sign another history.
      if (text.startsWith(`${origin}\n`)) throw keyError('it signs no checkpoint in this way');
      return signNote(text, keys);
    },
  };
}

/**
 * The signers whose keys are in a file; a log without checkpoint gets a key, in a file that its owner alone can read.
 *
 * @param begun whether a checkpoint was published: a new key then would look like another log
 * @throws AuditError `log_key` where the file is missing although there is a log, or holds something else
 */
export async function openLogSigners(
  file: string,
  { origin, begun }: { readonly origin: string | undefined; readonly begun: boolean },
): Promise<LogSigners> {
  const existing = await readKeys(file);
  if (existing !== null) return readLogSigners(existing, origin);
  if (begun)
    throw keyError(`there is none at ${file}, although the log has checkpoints: restore it from a backup`);
  await makeKey(file, origin ?? DEFAULT_ORIGIN);
  return readLogSigners((await readKeys(file)) ?? '', origin);
}

/** Puts a new key there whole, unless another process was first. */
async function makeKey(file: string, origin: string): Promise<void> {
  const seed = randomBytes(SEED_BYTES);
  await makeSecret(file, `${formatSignerKey(ed25519Signer(origin, seed).key, seed)}\n`);
}

/**
 * Makes another signing key of a log, in a new file that its owner alone can read: for a rotation.
 * @returns its verifier key
 * @throws AuditError `log_key` where there is a file already
 */
export async function makeLogKey(file: string, origin: string): Promise<string> {
  if ((await readKeys(file)) !== null) throw keyError(`${file} is there already: name a new file`);
  await makeKey(file, origin);
  return readLogSigners((await readKeys(file)) ?? '', origin).verifierKeys[0] ?? '';
}

async function readKeys(file: string): Promise<string | null> {
  try {
    return await readSecret(file);
  } catch (error) {
    throw keyError(`${file} can't be read (${String(errorCode(error))})`);
  }
}

function readKey(line: string): NoteSigner {
  try {
    return readSigner(line);
  } catch (error) {
    if (error instanceof TransparencyLogError) throw keyError(error.message);
    throw error;
  }
}

function keyError(what: string): AuditError {
  return new AuditError('log_key', `the log's signing key: ${what}`);
}
