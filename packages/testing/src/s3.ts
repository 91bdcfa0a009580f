import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort, identityOf } from '@tollgate/database/embedded';
import { defaultCacheFolder } from '@tollgate/local-java';
import { startedOnce } from './started-once.ts';
import { until } from './until.ts';

/** A server that speaks S3 and keeps its locks, or what is missing on this machine for one. */
export type S3ForTests =
  | { readonly available: true; readonly endpoint: string; readonly region: string }
  | { readonly available: false; readonly reason: string };

type Shared = { readonly endpoint: string } | { readonly missing: string };

/** What moto's server needs of its extras for S3 alone: all of them are 300 MB. */
const PACKAGES = [
  'moto==5.2.5',
  'flask==3.1.3',
  'flask-cors==6.0.5',
  'py-partiql-parser==0.6.3',
  'PyYAML==6.0.3',
];
/** A first start fetches 40 MB. */
const START_TIMEOUT_MS = 400_000;
const INSTALL_TIMEOUT_MS = 300_000;
const READY_TIMEOUT_MS = 60_000;

/**
 * The test run's one S3 server: moto from PyPI, which refuses to remove what Object Lock holds in compliance mode. In an
 * environment of its own in the cache folder, made at the first need.
 */
export async function s3ForTests(): Promise<S3ForTests> {
  const shared = await startedOnce<Shared>({
    name: 's3',
    timeoutMs: START_TIMEOUT_MS,
    async start({ folder, endAtTeardown }) {
      const environment = await motoEnvironment();
      if ('missing' in environment) return environment;
      const port = await freePort();
      const log = openSync(path.join(folder, 's3.log'), 'a', 0o600);
      // As a module: the scripts of an environment name the folder that it was made in.
      const python = path.join(environment.folder, 'bin', 'python3');
      const child = spawn(python, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', `${port}`], {
        stdio: ['ignore', log, log],
        detached: true,
      });
      closeSync(log);
      child.unref();
      const process = child.pid === undefined ? undefined : await identityOf(child.pid);
      if (process !== undefined) await endAtTeardown({ kind: 'process', process, signal: 'SIGKILL' });
      const endpoint = `http://127.0.0.1:${port}`;
      await until(
        async () => {
          const response = await fetch(`${endpoint}/moto-api/`).catch(() => null);
          return response?.ok === true;
        },
        { timeoutMs: READY_TIMEOUT_MS },
      );
      return { endpoint };
    },
    parse(value) {
      const known = value as Shared;
      if (typeof known !== 'object' || known === null || !('endpoint' in known || 'missing' in known)) {
        throw new TypeError('no S3');
      }
      return known;
    },
  });
  return 'missing' in shared
    ? { available: false, reason: shared.missing }
    : { available: true, endpoint: shared.endpoint, region: 'us-east-1' };
}

/** A virtual environment with moto; whole, or not there. */
async function motoEnvironment(): Promise<{ readonly folder: string } | { readonly missing: string }> {
  const run = promisify(execFile);
  const folder = path.join(defaultCacheFolder(), 'moto-5.2.5');
  if (existsSync(folder)) return { folder };
  const draft = `${folder}.${randomUUID()}`;
  try {
    await mkdir(path.dirname(folder), { recursive: true });
    await run('python3', ['-m', 'venv', '--copies', draft], { timeout: INSTALL_TIMEOUT_MS });
    await run(path.join(draft, 'bin', 'python3'), ['-m', 'pip', 'install', '--quiet', ...PACKAGES], {
      timeout: INSTALL_TIMEOUT_MS,
    });
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    const said = error instanceof Error ? (error.message.trim().split('\n').at(-1) ?? '') : String(error);
    return { missing: `the S3 store needs Python 3 with venv, and PyPI, for moto: ${said}` };
  }
  return await rename(draft, folder).then(
    () => ({ folder }),
    () => ({ folder: existsSync(folder) ? folder : draft }),
  );
}
