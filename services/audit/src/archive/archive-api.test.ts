import { seededRandom } from '@tollgate/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type TestApi, testApi } from '../testing/api.ts';
import { type TestSource, testSource } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';

const random = seededRandom(12);
const line = z.object({ leaf_index: z.number(), salt: z.base64(), event: z.base64() });
const end = z.strictObject({ after: z.number(), log_size: z.number() });

let stand: Stand;
let api: TestApi;
let source: TestSource;
let token: string;

beforeAll(async () => {
  stand = await openStand();
  api = testApi(stand);
  token = api.token({ scopes: ['events:replay'] });
  source = testSource(random, '/gateways/gw-1/e1');
  source.started();
  for (let i = 0; i < 60; i += 1) source.usage();
  // Several epochs and segments.
  for (let at = 0; at < source.events.length; at += 20) {
    await stand.deliver(source.events.slice(at, at + 20));
    await stand.integrate({ maxBatch: 6, maxSegmentBytes: 8_000 });
  }
});
afterAll(() => stand.close());

async function read(query: string) {
  const answer = await api.get(`/v1/archive?${query}`, token);
  expect(answer.status, answer.text).toBe(200);
  const lines = answer.text.trimEnd().split('\n');
  return {
    events: lines.slice(0, -1).map((text) => line.parse(JSON.parse(text))),
    end: end.parse(JSON.parse(lines.at(-1) ?? '')),
  };
}

describe('the archive', () => {
  it('gives back the published bytes in the order of the log, page by page, over all segments', async () => {
    const all: Buffer[] = [];
    let after = -1;
    for (;;) {
      const page = await read(`after=${after}&limit=7`);
      expect(page.events.map(({ leaf_index }) => leaf_index)).toEqual(
        page.events.map((_, nth) => after + 1 + nth),
      );
      all.push(...page.events.map(({ event }) => Buffer.from(event, 'base64')));
      after = page.end.after;
      if (after === page.end.log_size - 1) break;
    }
    expect(all).toEqual(source.events);
  });

  it('gives each event a salt of its own', async () => {
    const { events } = await read('limit=100');
    expect(new Set(events.map(({ salt }) => salt)).size).toBe(61);
    for (const { salt } of events) expect(Buffer.from(salt, 'base64')).toHaveLength(32);
  });

  it('can be read by kind', async () => {
    const { events, end } = await read('type=tollgate.source.started.v1');
    expect(events).toHaveLength(1);
    expect(end).toEqual({ after: 60, log_size: 61 });
  });

  it('answers with its end where one asks beyond it', async () => {
    expect(await read('after=999999')).toEqual({ events: [], end: { after: 60, log_size: 61 } });
  });

  it('opens to nobody who sees less than everything', async () => {
    const narrow = api.token({ scopes: ['events:replay'], organisationId: 'org_1' });
    expect((await api.get('/v1/archive', narrow)).json()).toMatchObject({ code: 'out_of_reach' });
  });
});
