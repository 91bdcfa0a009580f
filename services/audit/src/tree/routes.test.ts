import { seededRandom } from '@tollgate/testing';
import {
  ed25519Signer,
  formatVerifierKey,
  type LogReader,
  leafHash,
  openCheckpoint,
  readEntry,
  readVerifier,
  rootAt,
} from '@tollgate/transparency-log';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type TestApi, testApi } from '../testing/api.ts';
import { type TestSource, testSource } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { verifyEvent } from './verify-event.ts';

const random = seededRandom(9_162);
const logAnswer = z.object({ origin: z.string(), keys: z.array(z.string()), size: z.number() });
const proven = z.object({ leaf_index: z.number(), event: z.base64(), proof: z.string() });
const envelope = z.looseObject({
  id: z.string(),
  source: z.string(),
  sequence: z.string(),
  type: z.string(),
});

let stand: Stand;
let api: TestApi;
let source: TestSource;
let reader: string;
let security: string;

beforeAll(async () => {
  stand = await openStand();
  api = testApi(stand);
  reader = api.token({ scopes: ['log:read'] });
  security = api.token({ scopes: ['audit:read'] });
  source = testSource(random, '/gateways/gw-1/e1');
  for (let i = 0; i < 300; i += 1) source.usage(i % 2 === 0 ? 'team_a' : 'team_b');
  await stand.deliver(source.events);
  await stand.integrate();
});
afterAll(() => stand.close());

const idOf = (nth: number) => envelope.parse(JSON.parse(String(source.events[nth]))).id;

describe('the log over HTTP', () => {
  it('is all that a verifier needs, checkpoint, tiles and entries', async () => {
    const { origin, keys, size } = logAnswer.parse((await api.get('/log', reader)).json());
    expect(size).toBe(300);
    const checkpoint = await api.get('/log/checkpoint', reader);
    expect(checkpoint.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-cache',
    });
    const opened = openCheckpoint(checkpoint.text, { origin, logKeys: keys.map(readVerifier) });
    const overHttp: LogReader = {
      async read(path) {
        const { status, bytes } = await api.get(`/log/${path}`, reader);
        return status === 200 ? bytes : undefined;
      },
    };
    expect(await rootAt(overHttp, 300n)).toEqual(Buffer.from(opened.checkpoint.root));
    const { rows } = await stand.pool.query<{ leaf_hash: Buffer }>(
      'SELECT leaf_hash FROM entry ORDER BY leaf_index',
    );
    for (const index of [0n, 255n, 256n, 299n]) {
      expect(rows[Number(index)]?.leaf_hash).toEqual(leafHash(await readEntry(overHttp, index, 300n)));
    }
  });

  it('lets full tiles be kept for ever, and partial ones not', async () => {
    for (const path of ['/log/tile/0/000', '/log/tile/entries/000']) {
      const { status, headers } = await api.get(path, reader);
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        'content-type': 'application/octet-stream',
        'cache-control': 'max-age=31536000, immutable',
      });
    }
    const partial = await api.get('/log/tile/0/001.p/44', reader);
    expect(partial.headers).toMatchObject({ 'cache-control': 'max-age=60' });
    expect(partial.bytes).toHaveLength(44 * 32);
  });

  it.each([
    '/log/tile/0/001',
    '/log/tile/0/000.p/17',
    '/log/tile/7/000',
    '/log/tile/0/x000/001',
    '/log/tile/0/..%2f..%2f..%2flog.key',
    '/log/tile/0/..%2f..%2fcheckpoint',
    '/log/tile/entries/%00',
  ])('has no %s', async (path) => {
    const { status, json } = await api.get(path, reader);
    expect([404, 400]).toContain(status);
    expect(json()).toMatchObject({ code: expect.stringMatching(/^(not_found|invalid_request)$/) });
  });

  it('opens to its scope alone', async () => {
    for (const path of ['/log', '/log/checkpoint', '/log/tile/0/000']) {
      expect((await api.get(path, security)).json()).toMatchObject({ code: 'scope_missing' });
    }
  });

  it('has no checkpoint before the first entry', async () => {
    const empty = await openStand();
    try {
      const other = testApi(empty);
      const token = other.token({ scopes: ['log:read'] });
      expect((await other.get('/log/checkpoint', token)).json()).toMatchObject({ code: 'not_found' });
      expect((await other.get('/log', token)).json()).toMatchObject({ size: 0 });
    } finally {
      await empty.close();
    }
  });
});

describe('the proof of an event', () => {
  it('holds with the verifier key, the event and nothing else', async () => {
    for (const nth of [0, 100, 299]) {
      const url = `/v1/events/${idOf(nth)}/proof`;
      const answer = proven.parse((await api.get(url, security, 'application/json')).json());
      const text = await api.get(url, security);
      expect(text.headers['content-type']).toBe('text/plain; charset=utf-8');
      expect(text.text).toBe(answer.proof);
      const event = Buffer.from(answer.event, 'base64');
      expect(event).toEqual(source.events[nth]);
      const keys = stand.signers.verifierKeys;
      expect(verifyEvent(event, answer.proof, keys)).toEqual({
        id: idOf(nth),
        leafIndex: BigInt(answer.leaf_index),
        size: 300n,
        origin: stand.signers.origin,
      });
      const refusal = expect.objectContaining({ code: 'not_proven' });
      for (let at = 0; at < event.length; at += 17) {
        const changed = Buffer.from(event);
        changed[at] = (changed[at] ?? 0) ^ 1;
        expect(() => verifyEvent(changed, answer.proof, keys)).toThrow(refusal);
      }
      const lines = answer.proof.split('\n');
      for (const [at, line] of lines.entries()) {
        if (line === '') continue;
        const spoilt = lines.with(at, `${line.slice(0, -2)}${line.at(-2) === 'A' ? 'B' : 'A'}${line.at(-1)}`);
        expect(() => verifyEvent(event, spoilt.join('\n'), keys), line).toThrow(refusal);
      }
      const foreign = formatVerifierKey(ed25519Signer(stand.signers.origin, random.bytes(32)).key);
      expect(() => verifyEvent(event, answer.proof, [foreign])).toThrow(refusal);
    }
  });

  it('is given to a team for what it can see, and for nothing else', async () => {
    const team = api.token({ role: 'team', teamId: 'team_a', organisationId: 'org_1' });
    expect((await api.get(`/v1/events/${idOf(0)}/proof`, team)).status).toBe(200);
    expect((await api.get(`/v1/events/${idOf(1)}/proof`, team)).json()).toMatchObject({ code: 'not_found' });
  });

  it('comes after the checkpoint: until then the answer says so', async () => {
    await stand.owner.query('UPDATE audit.log_publication SET size = 40');
    const answer = await api.get(`/v1/events/${idOf(200)}/proof`, security);
    expect(answer.json()).toMatchObject({ code: 'not_yet_published', status: 409 });
    expect(answer.headers['retry-after']).toBe('1');
    await stand.owner.query('UPDATE audit.log_publication SET size = 300');
  });

  it('is not given from tiles that were changed', async () => {
    const api2 = testApi({
      ...stand,
      tiles: {
        ...stand.tiles,
        async read(path) {
          const bytes = await stand.tiles.read(path);
          return bytes?.map((byte, at) => (at === 40 ? byte ^ 1 : byte));
        },
      },
    });
    const token = api2.token({ scopes: ['audit:read'] });
    expect((await api2.get(`/v1/events/${idOf(0)}/proof`, token)).status).toBe(500);
  });
});
