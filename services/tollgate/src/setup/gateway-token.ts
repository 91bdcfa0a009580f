import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DirectoryClient } from '@tollgate/directory';
import { ServiceError } from '@tollgate/http';
import { makeGatewayToken } from '../stack/gateway-token.ts';
import { readSecretFile, writeSecretFile } from '../start/secret-file.ts';
import { SetupError } from './errors.ts';

export interface GatewayTokenOptions {
  readonly directoryUrl: string;
  /** Where the gateways read it. */
  readonly file: string;
  /** A token with the scope `roles:assign`; asked for only where one has to be made. */
  readonly administrator: () => string;
}

/**
 * The gateways' own token: made where there is none, or where the directory does not know it.
 *
 * @returns whether it was made
 * @throws SetupError `token-refused`; ServiceError
 */
export async function ensureGatewayToken(options: GatewayTokenOptions): Promise<boolean> {
  const { directoryUrl, file, administrator } = options;
  const kept = readSecretFile(file);
  if (kept !== null && (await isKnown(directoryUrl, kept))) return false;
  const directory = new DirectoryClient({ baseUrl: directoryUrl, token: administrator() });
  try {
    const secret = await makeGatewayToken(directory);
    mkdirSync(dirname(file), { recursive: true });
    writeSecretFile(file, `${secret}\n`);
    return true;
  } catch (error) {
    if (!(error instanceof ServiceError) || error.status !== 401) throw error;
    throw new SetupError(
      'token-refused',
      `the directory at ${directoryUrl} does not know TOLLGATE_TOKEN, which is to make the gateways' token: give one with the scope roles:assign`,
      { cause: error },
    );
  }
}

/** A token that lacks the scope is known all the same. */
async function isKnown(directoryUrl: string, token: string): Promise<boolean> {
  const { organisations } = new DirectoryClient({ baseUrl: directoryUrl, token });
  try {
    await organisations.list().next();
    return true;
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (error.status === 401) return false;
    if (error.status === 403) return true;
    throw error;
  }
}
