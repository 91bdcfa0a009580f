import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@tollgate/testing';
import { expect, test } from 'vitest';
import { writeConnection } from './connection.ts';
import { commandPrefix, localConnection } from './find-connection.ts';
import { homeAt, prepareHome } from './home.ts';
import { writeSecretFile } from './secret-file.ts';

const OTHER_ACCOUNT = 65_534;
const URLS = { gateway: 'http://127.0.0.1:1', 'databricks-sync': 'http://127.0.0.1:2' };

/** A folder whose `.tollgate` this very process runs, and a folder below it. */
async function running(): Promise<{ folder: string; home: string; below: string }> {
  const folder = temporaryFolder('connection');
  const home = homeAt(join(folder, '.tollgate'));
  prepareHome(home);
  await writeConnection(home, URLS);
  const below = join(folder, 'a', 'b');
  mkdirSync(below, { recursive: true });
  return { folder, home: home.folder, below };
}

test('the nearest folder upwards says where services are, and where the token is', async () => {
  const { home, below } = await running();
  expect(await localConnection({}, below)).toEqual({
    TOLLGATE_GATEWAY_URL: URLS.gateway,
    TOLLGATE_DATABRICKS_SYNC_URL: URLS['databricks-sync'],
    TOLLGATE_TOKEN_FILE: join(home, 'owner-token'),
  });
});

test('TOLLGATE_HOME wins over the nearest', async () => {
  const [near, far] = [await running(), await running()];
  const found = await localConnection({ TOLLGATE_HOME: far.home }, near.below);
  expect(found['TOLLGATE_TOKEN_FILE']).toBe(join(far.home, 'owner-token'));
});

test.each(['TOLLGATE_TOKEN', 'TOLLGATE_TOKEN_FILE', 'TOLLGATE_AUDIT_URL'])(
  'whoever sets %s means another: neither address nor token of this one is used',
  async (variable) => {
    const { below } = await running();
    expect(await localConnection({ [variable]: 'x' }, below)).toEqual({});
  },
);

test('one that does not run any more is told from one that was never there', async () => {
  const { home, below } = await running();
  const gone = { process: { pid: process.pid, startedAt: 'long ago' }, urls: URLS, token_file: 'x' };
  writeSecretFile(join(home, 'connection.json'), JSON.stringify(gone));
  await expect(localConnection({}, below)).rejects.toMatchObject({ code: 'not-running' });
});

test.runIf(process.getuid?.() === 0)('a file that another account wrote is no word of ours', async () => {
  const { home, below } = await running();
  chownSync(join(home, 'connection.json'), OTHER_ACCOUNT, OTHER_ACCOUNT);
  expect(await localConnection({}, below)).toEqual({});
});

test('a command is told the folder only where it would not find it by itself', async () => {
  const { home, below } = await running();
  expect(commandPrefix(home, {}, below)).toMatch(/^npx --prefix \S+ tollgate$/);
  const elsewhere = temporaryFolder('elsewhere');
  expect(commandPrefix(home, {}, elsewhere)).toMatch(
    new RegExp(`^TOLLGATE_HOME=${home} npx --prefix \\S+ tollgate$`),
  );
  expect(commandPrefix("/it's here", {}, elsewhere)).toMatch(/^TOLLGATE_HOME='\/it'\\''s here' npx/);
});
