import { execFile } from 'node:child_process';
import { chmodSync, chownSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '@tollgate/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from './connection.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded/index.ts';

const run = promisify(execFile);
let server: EmbeddedPostgres | undefined;
let certificates: { cert: string; other: string } | undefined;

async function selfSigned(folder: string, name: string): Promise<{ key: string; cert: string }> {
  const [key, cert] = [path.join(folder, `${name}.key`), path.join(folder, `${name}.crt`)];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await run('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert]);
  return { key, cert };
}

beforeAll(async () => {
  const folder = temporaryFolder('tls');
  const [own, other] = await Promise.all([selfSigned(folder, 'own'), selfSigned(folder, 'other')]).catch(
    () => [],
  );
  if (own === undefined || other === undefined) return;
  const dataFolder = temporaryFolder('embedded');
  server = await startEmbeddedPostgres({ dataFolder, settings: { fsync: false } });
  const { uid, gid } = statSync(path.join(dataFolder, 'server'));
  for (const file of [own.key, own.cert]) chownSync(file, uid, gid);
  chmodSync(own.key, 0o600);
  await server.stop();
  server = await startEmbeddedPostgres({
    dataFolder,
    settings: { fsync: false, ssl: true, ssl_cert_file: own.cert, ssl_key_file: own.key },
  });
  certificates = { cert: readFileSync(own.cert, 'utf8'), other: readFileSync(other.cert, 'utf8') };
});

afterAll(async () => {
  await server?.destroy();
});

test('with a CA given, the connection is encrypted and the server’s certificate is checked', async (context) => {
  if (server === undefined || certificates === undefined)
    return context.skip('there is no openssl to make certificates');
  const { url } = server;
  const client = await connect({ url, applicationName: 'test', ssl: { ca: certificates.cert } });
  const { rows } = await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
  await client.end();
  expect(rows).toEqual([{ ssl: true }]);
  const mistaken = connect({ url, applicationName: 'test', ssl: { ca: certificates.other } });
  await expect(mistaken).rejects.toThrow(/self-signed|verify/);
});

test('a connection tells the server who it is, and speaks in UTC', async (context) => {
  if (server === undefined) return context.skip('there is no openssl to make certificates');
  const client = await connect({ url: server.url, applicationName: 'tollgate-audit' });
  const { rows } = await client.query(
    "SELECT current_setting('application_name') AS name, current_setting('timezone') AS zone",
  );
  await client.end();
  expect(rows).toEqual([{ name: 'tollgate-audit', zone: 'UTC' }]);
});
