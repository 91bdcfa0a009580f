import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type DirectoryUnderTest, directoryUnderTest } from '../testing/directory-under-test.ts';
import { DIRECTORY_CLIENT_COMMANDS, directoryClientCommands } from './client-commands.ts';

let under: DirectoryUnderTest;
let url = '';

beforeAll(async () => {
  under = await directoryUnderTest({ now: Date.now });
  url = (await under.directory.listen({ host: '127.0.0.1', port: 0 })).url;
});
afterAll(async () => {
  await under?.stop();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs one command line; what it says on standard output, line by line. */
async function tollgate(line: string, env: Record<string, string> = {}): Promise<string[]> {
  const said: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => said.push(String(chunk)) > 0);
  const program = new Command('tollgate').exitOverride();
  for (const command of directoryClientCommands({
    TOLLGATE_DIRECTORY_URL: url,
    TOLLGATE_TOKEN: under.bootstrapToken,
    ...env,
  })) {
    program.addCommand(command);
  }
  try {
    await program.parseAsync(line.split(' '), { from: 'user' });
  } finally {
    vi.restoreAllMocks();
  }
  return said.join('').split('\n').filter(Boolean);
}
const json = async (line: string) => JSON.parse((await tollgate(`${line} --json`))[0] ?? '');

test('a company is set up from the command line, down to a key', async () => {
  const org = await json('org create --name Acme --currency EUR --time-zone Europe/Vienna');
  expect(org).toMatchObject({ name: 'Acme', billing_time_zone: 'Europe/Vienna' });
  const centre = await json(`cost-centre create --org ${org.id} --name Research --code R1`);
  const team = await json(`team create --org ${org.id} --name Search --cost-centre ${centre.id}`);
  const project = await json(`project create --team ${team.id} --name Ranking`);
  const key = await json(
    `key create --team ${team.id} --project ${project.id} --name production --tag env=prod --tag app=a=b`,
  );
  expect(key).toMatchObject({ team_id: team.id, project_id: project.id, tags: { env: 'prod', app: 'a=b' } });
  expect(key.secret).toMatch(/^tgk_/);
  expect(await json(`key list --team ${team.id}`)).toMatchObject({ id: key.id });
  expect(await json(`key list --team ${team.id}`)).not.toHaveProperty('secret');
  await tollgate(`key revoke ${key.id}`);
  expect(await tollgate(`key list --team ${team.id}`)).toEqual([]);
});

test('people, groups, roles, tokens and grants too', async () => {
  const org = await json('org create --name Beta --currency USD');
  const group = await json(`group create --org ${org.id} --name Finance`);
  await json(`group-role create --org ${org.id} --group ${group.id} --role finance`);
  const user = await json(`user create --org ${org.id} --name Ada --group ${group.id}`);
  expect(user.group_ids).toEqual([group.id]);
  const security = await json(`service-principal create --org ${org.id} --name Guard`);
  const approver = await json(
    `token create --org ${org.id} --principal-type service --principal ${security.id} --name guard --role security`,
  );
  const expires = new Date(Date.now() + 3_600_000).toISOString();
  const grant = await json(
    `grant request --org ${org.id} --principal ${user.id} --role platform --reason incident --expires ${expires}`,
  );
  const [line] = await tollgate(`grant approve ${grant.id} --json`, { TOLLGATE_TOKEN: approver.secret });
  expect(JSON.parse(line ?? '')).toMatchObject({ approved_by: security.id });
  expect(await tollgate(`grant list --principal ${user.id}`)).toHaveLength(1);
  await tollgate(`grant revoke ${grant.id}`);
  expect(await tollgate(`grant list --principal ${user.id}`)).toEqual([]);
});

test('for people, a line has columns, and a secret a line of its own', async () => {
  const [line, secret] = await tollgate(
    'token create --principal-type service --principal robot --name robot --scope directory:read audit:read',
  );
  expect(line?.split('\t').slice(1, 5)).toEqual(['robot', 'robot', '[]', '["directory:read","audit:read"]']);
  expect(secret).toMatch(/^tgs_/);
});

test('what the directory refuses is thrown with its code', async () => {
  await expect(tollgate('team create --org org_none --name X')).rejects.toMatchObject({
    code: 'unknown_reference',
    status: 422,
  });
  await expect(tollgate('team list', { TOLLGATE_TOKEN: '' })).rejects.toMatchObject({
    variable: 'TOLLGATE_TOKEN',
  });
  await expect(tollgate('team list', { TOLLGATE_DIRECTORY_URL: 'here' })).rejects.toMatchObject({
    variable: 'TOLLGATE_DIRECTORY_URL',
  });
});

test('every command is in the catalogue', () => {
  expect(directoryClientCommands({}).map((command) => command.name())).toEqual(
    Object.keys(DIRECTORY_CLIENT_COMMANDS),
  );
});
