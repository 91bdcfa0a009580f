import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Connection, isRunning, readConnection } from './connection.ts';
import { StartError } from './errors.ts';
import { CONNECTION_FILE, DEFAULT_HOME } from './home.ts';
import { shellWord } from './shell-word.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const CHECKOUT = fileURLToPath(new URL('../../../../', import.meta.url)).replace(/\/$/, '');
/** Whoever sets one of these means another Tollgate, or another caller. */
const SAYS_WHICH = /^TOLLGATE_(TOKEN|TOKEN_FILE|[A-Z_]+_URL)$/;

/**
 * The variables under which commands find the Tollgate that runs on this machine: of `TOLLGATE_HOME`, or else of the
 * nearest folder `.tollgate` from here upwards, or else of the one beside the code. None where the environment says
 * already which Tollgate is meant, or where there never was one.
 *
 * @throws StartError `not-running`
 */
export async function localConnection(
  env: Environment,
  from = process.cwd(),
): Promise<Record<string, string>> {
  if (
    Object.entries(env).some(([name, value]) => SAYS_WHICH.test(name) && value !== undefined && value !== '')
  ) {
    return {};
  }
  const folder = folderOf(env['TOLLGATE_HOME'], from);
  const found = folder === null ? null : readConnection(folder);
  if (folder === null || found === null) return {};
  if (!(await isRunning(found))) {
    throw new StartError(
      'not-running',
      `the Tollgate of ${folder} does not run: start it with npm start, or set TOLLGATE_TOKEN and the TOLLGATE_…_URL of another`,
    );
  }
  return variablesOf(found);
}

function variablesOf(found: Connection): Record<string, string> {
  const urls = Object.entries(found.urls).map(([name, url]) => [
    `TOLLGATE_${name.toUpperCase().replaceAll('-', '_')}_URL`,
    url,
  ]);
  return { TOLLGATE_TOKEN_FILE: found.token_file, ...Object.fromEntries(urls) };
}

function folderOf(home: string | undefined, from: string): string | null {
  if (home !== undefined && home !== '') return resolve(home);
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const candidate = join(folder, DEFAULT_HOME);
    if (existsSync(join(candidate, CONNECTION_FILE))) return candidate;
    if (folder === dirname(folder)) break;
  }
  const beside = join(CHECKOUT, DEFAULT_HOME);
  return existsSync(join(beside, CONNECTION_FILE)) ? beside : null;
}

/** What a command begins with, typed where this process was started, so that it finds the Tollgate of that folder. */
export function commandPrefix(folder: string, env: Environment = process.env, from = process.cwd()): string {
  // Where whoever ran npm stands; npm itself goes to the package's folder.
  const here = env['INIT_CWD'] ?? from;
  const inCheckout = !relative(CHECKOUT, here).startsWith('..');
  const npx = inCheckout ? 'npx tollgate' : `npx --prefix ${shellWord(CHECKOUT)} tollgate`;
  const found = folderOf(undefined, here) ?? join(CHECKOUT, DEFAULT_HOME);
  return found === folder ? npx : `TOLLGATE_HOME=${shellWord(folder)} ${npx}`;
}
