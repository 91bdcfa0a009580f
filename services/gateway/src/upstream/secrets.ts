import { readFileSync } from 'node:fs';
import { ConfigError, type Environment } from '@tollgate/http';

/** Characters that a header may carry; a line break would end it. */
const HEADER_SAFE = /^[\x21-\x7e]+$/;

/**
 * The credential that `secret_key_ref.env` of a target names, from that variable or from the file that
 * `<variable>_FILE` names.
 *
 * @throws ConfigError which names the variable and the target and never the value
 */
export function upstreamSecret(env: Environment, variable: string, targetId: string): string {
  const direct = env[variable];
  const file = env[`${variable}_FILE`];
  const value = direct !== undefined && direct !== '' ? direct : fromFile(file, variable, targetId);
  const secret = value.trim();
  if (!HEADER_SAFE.test(secret)) {
    throw new ConfigError(variable, `is the credential of target ${targetId}, but not visible ASCII`);
  }
  return secret;
}

function fromFile(file: string | undefined, variable: string, targetId: string): string {
  if (file === undefined || file === '') {
    throw new ConfigError(variable, `is not set, and target ${targetId} needs it (or ${variable}_FILE)`);
  }
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new ConfigError(`${variable}_FILE`, `can't be read, and target ${targetId} needs its credential`);
  }
}
