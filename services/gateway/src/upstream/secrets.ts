import { readFileSync } from 'node:fs';
import { GatewayError } from '../errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Characters that a header may carry; a line break would end it. */
const HEADER_SAFE = /^[\x21-\x7e]+$/;

/**
 * The credential that `secret_key_ref.env` of a target names, from that variable or from the file that
 * `<variable>_FILE` names.
 *
 * @throws GatewayError `secret_missing`, which names the variable and the target and never the value
 */
export function upstreamSecret(env: Environment, variable: string, targetId: string): string {
  const direct = env[variable];
  const file = env[`${variable}_FILE`];
  const value = direct !== undefined && direct !== '' ? direct : fromFile(file, variable, targetId);
  const secret = value.trim();
  if (!HEADER_SAFE.test(secret)) {
    throw missing(`${variable}, the credential of target ${targetId}, is not visible ASCII`);
  }
  return secret;
}

function fromFile(file: string | undefined, variable: string, targetId: string): string {
  if (file === undefined || file === '') {
    throw missing(`${variable} is not set: target ${targetId} needs it (or ${variable}_FILE)`);
  }
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw missing(`${variable}_FILE can't be read: target ${targetId} needs its credential`);
  }
}

function missing(message: string): GatewayError {
  return new GatewayError('secret_missing', message);
}
