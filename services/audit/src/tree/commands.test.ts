import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { seededRandom, temporaryFolder } from '@tollgate/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { auditCommand } from '../commands.ts';
import { testApi } from '../testing/api.ts';
import { testSource } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { readLogSigners } from './log-signers.ts';

let stand: Stand;
let stop: () => Promise<void>;
let url: string;
const written: string[] = [];
const source = testSource(seededRandom(3), '/gateways/gw-1/e1');

beforeAll(async () => {
  stand = await openStand();
  const api = testApi(stand);
  for (let i = 0; i < 5; i += 1) source.usage();
  await stand.deliver(source.events);
  await stand.integrate();
  ({ url } = await api.http.listen({ host: '127.0.0.1', port: 0 }));
  stop = () => api.http.stop();
  vi.stubEnv('TOLLGATE_AUDIT_URL', url);
  vi.stubEnv('TOLLGATE_TOKEN', api.token({ scopes: ['audit:read', 'log:read'] }));
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
});
afterAll(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await stop();
  await stand.close();
});

async function run(...args: string[]): Promise<string> {
  written.length = 0;
  await auditCommand().exitOverride().parseAsync(args, { from: 'user' });
  return written.join('');
}

it('an event is fetched with its proof, and verified by the key that was printed, without the service', async () => {
  const key = (await run('key')).trim();
  expect(key).toBe(stand.signers.verifierKeys[0]);
  const { id }: { id: string } = JSON.parse(String(source.events[2]));
  const folder = temporaryFolder('proof');
  const [event = '', proof = ''] = (await run('prove', id, '--out', folder)).split('\n');
  expect([event, proof]).toEqual([path.join(folder, `${id}.json`), path.join(folder, `${id}.tlog-proof`)]);
  expect(await readFile(event)).toEqual(source.events[2]);
  vi.stubEnv('TOLLGATE_AUDIT_URL', 'http://127.0.0.1:1');
  const verify = () => run('verify', event, proof, '--key', key);
  expect(await verify()).toBe(`event ${id} is entry 2 of the 5 of tollgate.internal/audit\n`);
  await writeFile(event, String(source.events[2]).replace('"team_a"', '"team_b"'));
  await expect(verify()).rejects.toMatchObject({ code: 'not_proven' });
});

it('another key for a rotation is made in a new file of its owner alone, and the log takes both', async () => {
  const key = stand.signers.verifierKeys[0];
  vi.stubEnv('TOLLGATE_AUDIT_URL', url);
  const file = path.join(temporaryFolder('rotation'), 'new.key');
  const made = (await run('key', '--new', file)).trim();
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const both = `${await readFile(path.join(stand.folder, 'log.key'), 'utf8')}${await readFile(file, 'utf8')}`;
  expect(readLogSigners(both, stand.signers.origin).verifierKeys).toEqual([key, made]);
  await expect(run('key', '--new', file)).rejects.toMatchObject({ code: 'log_key' });
});
