import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ServiceClient } from '@tollgate/http';
import { seededRandom, temporaryFolder, until } from '@tollgate/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { auditCommand } from '../commands.ts';
import { type TestApi, testApi } from '../testing/api.ts';
import { type TestSource, testSource, uuid7 } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { followExport } from './follow.ts';

const random = seededRandom(59);
let stand: Stand;
let api: TestApi;
let source: TestSource;
let security: string;
let url: string;

beforeAll(async () => {
  stand = await openStand();
  stand.nowMs = Date.parse('2026-03-01T10:00:01Z');
  api = testApi(stand);
  security = api.token({ role: 'security' });
  source = testSource(random, '/gateways/gw-1/e1');
  for (let i = 0; i < 20; i += 1) source.request(i % 4 === 0 ? 'team_a' : 'team_b', uuid7(random));
  await stand.deliver(source.events);
  await stand.integrate();
  url = (await api.http.listen({ host: '127.0.0.1', port: 0 })).url;
  vi.stubEnv('TOLLGATE_AUDIT_URL', url);
  vi.stubEnv('TOLLGATE_TOKEN', security);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await api.http.stop();
  await stand.close();
});
beforeEach(async () => {
  await stand.owner.query('DELETE FROM audit.outbox');
});

const leavesIn = (text: string): number[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).leaf_index);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, nth) => from + nth);

describe('an export', () => {
  it('gives every event once, page by page, in the order of the log', async () => {
    const seen: number[] = [];
    let after = -1;
    for (;;) {
      const answer = await api.get(`/v1/export?limit=7&after=${after}`, security);
      seen.push(...leavesIn(answer.text));
      after = Number(answer.headers['tollgate-after']);
      if (after >= Number(answer.headers['tollgate-indexed-size']) - 1) break;
    }
    expect(seen).toEqual(range(0, 60));
  });

  it('gives what fits the filter and lies within reach', async () => {
    const lines = async (query: string, token = security) =>
      leavesIn((await api.get(`/v1/export?${query}`, token)).text).length;
    expect(await lines('team=team_a')).toBe(15);
    expect(await lines('type=tollgate.usage.v1')).toBe(20);
    expect(await lines('from=2026-03-02T00:00:00Z')).toBe(0);
    expect(await lines('outcome=completed&team=team_b')).toBe(15);
    expect(await lines('', api.token({ role: 'security', organisationId: 'org_2' }))).toBe(0);
    const other = api.token({ role: 'security', organisationId: 'org_2' });
    expect((await api.get('/v1/export?organisation=org_1', other)).json()).toMatchObject({
      code: 'out_of_reach',
    });
    const reader = api.token({ scopes: ['audit:read'] });
    expect((await api.get('/v1/export', reader)).json()).toMatchObject({ code: 'scope_missing' });
  });

  it('of a few events is found behind many others in one page', async () => {
    const { headers, text } = await api.get(
      `/v1/export?request_id=${JSON.parse(String(source.events[57])).subject}`,
      security,
    );
    expect(leavesIn(text)).toEqual([57, 58, 59]);
    expect(headers).toMatchObject({ 'tollgate-after': '59', 'tollgate-indexed-size': '60' });
  });

  it('is one admin event, by a person and in pages too', async () => {
    const person = api.token({ role: 'security', type: 'user' });
    for (const after of [-1, 20, 40]) await api.get(`/v1/export?limit=20&after=${after}`, person);
    const { rows } = await stand.pool.query<{ draft: string }>('SELECT draft FROM outbox');
    expect(rows.map(({ draft }) => JSON.parse(draft).data.action)).toEqual(['audit.export']);
  });

  it('is written to a file by the command, with a header where the format has one', async () => {
    const out = path.join(temporaryFolder('export'), 'events.csv');
    const args = ['export', '--format', 'csv', '--team', 'team_a', '--out', out];
    await auditCommand().exitOverride().parseAsync(args, { from: 'user' });
    const lines = (await readFile(out, 'utf8')).split('\r\n');
    expect(lines).toHaveLength(1 + 15 + 1);
    expect(lines[0]).toMatch(/^leaf_index,received_at,id,/);
  });
});

describe('a feed', () => {
  const feed = (stateFile: string, got: string[], options: { token?: string; query?: object } = {}) => {
    const stopping = new AbortController();
    const troubles: string[] = [];
    const done = followExport({
      client: new ServiceClient({ baseUrl: url, token: options.token ?? security }),
      query: { format: 'ndjson', ...options.query },
      stateFile,
      signal: stopping.signal,
      pauseMs: 10,
      output: {
        write: async (lines) => {
          got.push(lines);
          return undefined;
        },
      },
      onTrouble: (error) => troubles.push(error.message),
    });
    return {
      done,
      stop: () => {
        stopping.abort();
        return done;
      },
    };
  };

  it('goes on where it stopped, with what came meanwhile and as it comes, each event once', async () => {
    const state = path.join(temporaryFolder('feed'), 'state.json');
    const got: string[] = [];
    const leaves = () => leavesIn(got.join(''));
    const first = feed(state, got);
    await until(() => leaves().length === 60 || undefined, { timeoutMs: 10_000 });
    await first.stop();
    const later = testSource(random, '/gateways/gw-2/e1');
    for (let i = 0; i < 5; i += 1) later.usage();
    await stand.deliver(later.events.slice(0, 3));
    await stand.integrate();
    const second = feed(state, got);
    await until(() => leaves().length === 63 || undefined, { timeoutMs: 10_000 });
    await stand.deliver(later.events.slice(3));
    await stand.integrate();
    await until(() => leaves().length === 65 || undefined, { timeoutMs: 10_000 });
    await second.stop();
    expect(leaves()).toEqual(range(0, 65));
  });

  it('gives again what it could not write, and never moves on before', async () => {
    const state = path.join(temporaryFolder('feed'), 'state.json');
    const stopping = new AbortController();
    const client = new ServiceClient({ baseUrl: url, token: security });
    const options = {
      client,
      query: { format: 'ndjson' },
      stateFile: state,
      signal: stopping.signal,
      pauseMs: 10,
    };
    const full = new Error('no space left');
    await expect(
      followExport({ ...options, output: { write: () => Promise.reject(full) }, onTrouble: () => {} }),
    ).rejects.toBe(full);
    const got: string[] = [];
    const again = feed(state, got);
    await until(() => leavesIn(got.join('')).length === 65 || undefined, { timeoutMs: 10_000 });
    await again.stop();
    expect(leavesIn(got.join(''))[0]).toBe(0);
  });

  it('of another filter does not take up its state, nor a file that is none', async () => {
    const state = path.join(temporaryFolder('feed'), 'state.json');
    await writeFile(state, JSON.stringify({ after: 3, query: { format: 'ndjson' } }));
    const got: string[] = [];
    await expect(feed(state, got, { query: { team: 'team_a' } }).done).rejects.toThrow('--state');
    await writeFile(state, 'x');
    await expect(feed(state, got).done).rejects.toThrow('--state');
    expect(got).toEqual([]);
  });

  it('ends where it is refused', async () => {
    const state = path.join(temporaryFolder('feed'), 'state.json');
    await expect(feed(state, [], { token: 'tgs_none' }).done).rejects.toMatchObject({
      code: 'token_invalid',
    });
  });
});
