import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readSecretFile, writeSecretFile } from '../start/secret-file.ts';
import { SetupError } from './errors.ts';

const SECRET_BYTES = 24;
/** Postgres reads its owner's password as another account; nobody but it is given that folder. */
const ANY_READER = 0o444;

export interface SecretsOptions {
  /** Holds a folder for each reader: `postgres`, `database` (the migrations), `databricks`, and one per service. */
  readonly folder: string;
  /** `host:port/database`. */
  readonly postgres: string;
  /** Of the database. */
  readonly owner: string;
  /** The services' roles in it. */
  readonly roles: readonly string[];
  /** Of a real workspace; null keeps what is there, or makes one up for the simulated one. */
  readonly databricksToken: string | null;
  readonly random?: (bytes: number) => Buffer;
}

/** The folder of a service's secrets, by its role in Postgres. */
export function folderOfRole(role: string): string {
  return role.replaceAll('_', '-');
}

/**
 * Makes the secrets that are missing, and writes the URLs that hold them.
 *
 * @returns the files that were written, relative to the folder
 * @throws SetupError `not-writable`
 */
export function writeSecrets(options: SecretsOptions): string[] {
  const { folder, postgres, owner, roles, databricksToken, random = randomBytes } = options;
  const written: string[] = [];

  function write(name: string, text: string, mode?: number): void {
    const file = join(folder, name);
    try {
      mkdirSync(dirname(file), { recursive: true });
      writeSecretFile(file, `${text}\n`, mode);
    } catch (error) {
      const code = error instanceof Error ? String(Reflect.get(error, 'code')) : String(error);
      throw new SetupError(
        'not-writable',
        `${file} can't be written (${code}): mount a volume there that this account may write to`,
        { cause: error },
      );
    }
    written.push(name);
  }

  const kept = (name: string): string | null => readSecretFile(join(folder, name)) || null;

  /** What is there, or else something that can't be guessed. */
  function secret(name: string, mode?: number): string {
    const known = kept(name);
    if (known !== null) return known;
    const made = random(SECRET_BYTES).toString('base64url');
    write(name, made, mode);
    return made;
  }

  function derive(name: string, text: string): void {
    if (kept(name) !== text) write(name, text);
  }

  const url = (role: string, password: string) =>
    `postgres://${role}:${encodeURIComponent(password)}@${postgres}`;

  derive('database/owner-url', url(owner, secret('postgres/password', ANY_READER)));
  for (const role of roles) {
    const service = folderOfRole(role);
    derive(`${service}/database-url`, url(role, secret(`database/${service}-password`)));
  }
  if (databricksToken === null) secret('databricks/token');
  else derive('databricks/token', databricksToken);
  return written;
}
