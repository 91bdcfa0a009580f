import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { temporaryFolder, until } from '@tollgate/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { connect } from '../connection.ts';
import { isInfrastructureError } from '../infrastructure-error.ts';
import { openPool, type Pool } from '../pool.ts';
import { identityOf, isAlive } from './process-identity.ts';
import { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './server.ts';

/** The tests kill processes but no machine, so nothing is lost without syncing. */
const settings = { fsync: false };
const servers: EmbeddedPostgres[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.destroy();
});

async function start(
  dataFolder: string,
  more: Partial<EmbeddedPostgresOptions> = {},
): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataFolder, settings, ...more });
  servers.push(server);
  return server;
}

async function ask(url: string, statement: string): Promise<unknown[]> {
  const client = await connect({ url, applicationName: 'test' });
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

/** Starts the server in a process of its own, which is then killed. */
async function startInKilledProcess(dataFolder: string): Promise<{ url: string; pid: number }> {
  const program = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(path.join(import.meta.dirname, 'index.ts'))});
    const { url, pid } = await startEmbeddedPostgres(${JSON.stringify({ dataFolder, settings })});
    console.log(JSON.stringify({ url, pid }));
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface(child.stdout), 'line');
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  const started: { url: string; pid: number } = JSON.parse(line);
  return started;
}

describe('the embedded server', () => {
  test('starts on an empty folder, keeps its data over a stop, and leaves no process', async () => {
    const folder = temporaryFolder('embedded');
    const first = await start(folder);
    await ask(first.url, 'CREATE TABLE kept AS SELECT 7 AS n');
    const { process } = first;
    await first.stop();
    await first.stop();
    expect(await isAlive(process)).toBe(false);
    servers.pop();
    const second = await start(folder);
    expect(await ask(second.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
  });

  test('asks for the password, which only the folder’s owner can read, and listens on loopback alone', async () => {
    const folder = temporaryFolder('embedded');
    const server = await start(folder);
    expect(statSync(path.join(folder, 'password')).mode & 0o777).toBe(0o600);
    const url = new URL(server.url);
    expect(readFileSync(path.join(folder, 'password'), 'utf8')).toBe(url.password);
    url.password = 'guess';
    await expect(ask(url.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    expect(await ask(server.url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    expect(await ask(server.url, 'SHOW unix_socket_directories')).toEqual([{ unix_socket_directories: '' }]);
  });

  test('syncs to disk unless told otherwise', async () => {
    const server = await start(temporaryFolder('embedded'), { settings: {} });
    expect(await ask(server.url, 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
    expect(await ask(server.url, 'SHOW synchronous_commit')).toEqual([{ synchronous_commit: 'on' }]);
  });

  test('recovers what was committed when its main process was killed, on the same port', async () => {
    const server = await start(temporaryFolder('embedded'));
    await ask(server.url, 'CREATE TABLE kept AS SELECT 7 AS n');
    const { pid, port } = server;
    await server.kill();
    await expect(ask(server.url, 'SELECT 1')).rejects.toSatisfy(isInfrastructureError);
    await server.restart();
    expect(server.pid).not.toBe(pid);
    expect(server.port).toBe(port);
    expect(await ask(server.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
  });

  test('is adopted by the next start when its parent was killed', async () => {
    const folder = temporaryFolder('embedded');
    const orphan = await startInKilledProcess(folder);
    await ask(orphan.url, 'CREATE TABLE kept AS SELECT 7 AS n');
    const server = await start(folder);
    expect(server.pid).toBe(orphan.pid);
    expect(await ask(server.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
  });

  test('is stopped and started anew when it was left running with other settings', async () => {
    const folder = temporaryFolder('embedded');
    const orphan = await startInKilledProcess(folder);
    const server = await start(folder, { settings: { ...settings, max_connections: 17 } });
    expect(server.pid).not.toBe(orphan.pid);
    expect(await identityOf(orphan.pid)).toBeUndefined();
    expect(await ask(server.url, 'SHOW max_connections')).toEqual([{ max_connections: '17' }]);
  });

  test('is refused to a second process while the first one lives', async () => {
    const folder = temporaryFolder('embedded');
    const server = await start(folder);
    await expect(startEmbeddedPostgres({ dataFolder: folder, settings })).rejects.toMatchObject({
      code: 'embedded_in_use',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    expect(await ask(server.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });

  test('touches no process that a stale postmaster.pid happens to name', async () => {
    const folder = temporaryFolder('embedded');
    const first = await start(folder);
    const pidFile = path.join(folder, 'server', 'postmaster.pid');
    const [, ...lines] = readFileSync(pidFile, 'utf8').split('\n');
    await first.kill();
    const bystander = spawn('sleep', ['60'], { stdio: 'ignore' });
    try {
      writeFileSync(pidFile, [bystander.pid, ...lines].join('\n'));
      await first.restart();
      expect(await ask(first.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
      expect(bystander.exitCode).toBeNull();
    } finally {
      bystander.kill();
    }
  });

  test('says what its log says when it does not start', async () => {
    const failing = startEmbeddedPostgres({
      dataFolder: temporaryFolder('embedded'),
      settings: { ...settings, no_such_setting: 1 },
    });
    await expect(failing).rejects.toMatchObject({
      code: 'embedded_start_failed',
      message: expect.stringContaining('no_such_setting'),
    });
  });

  test('starts again after a first start that was cut short', async () => {
    const folder = temporaryFolder('embedded');
    const first = await start(folder);
    await first.stop();
    servers.pop();
    // What a kill during initdb leaves: the folder aside, and nothing under its final name.
    renameSync(path.join(folder, 'server'), path.join(folder, 'server.partial'));
    const second = await start(folder);
    expect(await ask(second.url, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    expect(readdirSync(folder)).not.toContain('server.partial');
  });

  test('writes neither statements nor values into its log', async () => {
    const folder = temporaryFolder('embedded');
    const server = await start(folder);
    await ask(server.url, "CREATE TABLE t (id text PRIMARY KEY); INSERT INTO t VALUES ('hunter2')");
    await expect(ask(server.url, "INSERT INTO t VALUES ('hunter2')")).rejects.toMatchObject({
      code: '23505',
    });
    await server.stop();
    const log = readFileSync(path.join(folder, 'postgres.log'), 'utf8');
    expect(log).toContain('duplicate key');
    expect(log).not.toContain('hunter2');
    servers.pop();
  });

  test('is entered by nobody else: its data are closed to other accounts', async () => {
    const folder = temporaryFolder('embedded');
    chmodSync(folder, 0o777);
    await start(folder);
    expect(statSync(path.join(folder, 'server')).mode & 0o077).toBe(0);
    expect(statSync(folder).mode & 0o066).toBe(0);
  });
});

describe('a pool', () => {
  test('serves on after the server was restarted under it, idle connections and busy ones', async () => {
    const server = await start(temporaryFolder('embedded'));
    const warnings: unknown[] = [];
    const pool: Pool = openPool({ url: server.url, applicationName: 'test', maxConnections: 4 });
    pool.on('error', (error) => warnings.push(error));
    try {
      await Promise.all(Array.from({ length: 3 }, () => pool.query('SELECT pg_sleep(0.05)')));
      const held = await pool.connect();
      const busy = pool.query('SELECT pg_sleep(60)').catch((error: unknown) => error);
      await server.restart();
      expect(isInfrastructureError(await busy)).toBe(true);
      expect(await held.query('SELECT 1').catch(isInfrastructureError)).toBe(true);
      held.release(true);
      await until(async () => (await pool.query('SELECT 1 AS n')).rows[0], { timeoutMs: 5_000 });
      expect(warnings.length).toBeGreaterThan(0);
    } finally {
      await pool.end();
    }
  });
});
