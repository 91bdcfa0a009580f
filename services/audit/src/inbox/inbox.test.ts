import { formatSequence } from '@tollgate/events';
import { seededRandom } from '@tollgate/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuid7 } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { parseInboxEvent } from './inbox-event.ts';

const random = seededRandom(3);
let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());

function bytesOf(members: Record<string, unknown>): Buffer {
  return Buffer.from(
    JSON.stringify({
      specversion: '1.0',
      id: uuid7(random),
      source: '/gateways/gw-1/e1',
      type: 'tollgate.usage.v1',
      subject: 'subject',
      time: '2026-03-01T10:00:00.000Z',
      datacontenttype: 'application/json',
      sequence: formatSequence(1),
      data: {},
      ...members,
    }),
  );
}

describe('what the inbox takes', () => {
  it('is every numbered event, of kinds and versions unknown to this release too', () => {
    expect(parseInboxEvent(bytesOf({ type: 'tollgate.usage.v9' }))).toMatchObject({
      kind: 'event',
      event: { sequence: 1 },
    });
  });

  it('is a heartbeat, as unnumbered, whatever number it claims', () => {
    const heartbeat = bytesOf({ type: 'tollgate.source.heartbeat.v1' });
    expect(parseInboxEvent(heartbeat)).toMatchObject({ kind: 'event', event: { sequence: null } });
  });

  it('is no event without a number, with an impossible one, or with texts that can not be stored', () => {
    for (const members of [
      { sequence: undefined },
      { sequence: '0'.repeat(19) },
      { sequence: '9'.repeat(19) },
      { type: 'tollgate.usage.v1\u0000' },
      { subject: 'a\u0000b' },
      { type: 'tollgate.unheard.v1', sequence: undefined },
    ]) {
      expect(parseInboxEvent(bytesOf(members)), JSON.stringify(members)).toMatchObject({ kind: 'malformed' });
    }
  });

  it('names whose event it is, by attribution, entity or its own members', () => {
    const owner = { organisation_id: 'org_1', team_id: 'team_1' };
    for (const data of [{ attribution: owner }, { entity: owner }, owner]) {
      expect(parseInboxEvent(bytesOf({ data }))).toMatchObject({
        event: { organisationId: 'org_1', teamId: 'team_1' },
      });
    }
    expect(parseInboxEvent(bytesOf({ data: { attribution: { team_id: 'a\u0000' } } }))).toMatchObject({
      event: { organisationId: null, teamId: null },
    });
  });
});

describe('an event that was taken', () => {
  it('never stops the writer, whatever it holds', { timeout: 120_000 }, async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }),
      fc.constantFrom('\u0000', '\ud800', '"', '\\', '{}', '\\x00', 'NULL', '\u2028', "';--"),
    );
    const sourcesKind = fc.constantFrom(
      'tollgate.source.started.v1',
      'tollgate.source.stopped.v1',
      'tollgate.source.gap.v1',
      'tollgate.source.heartbeat.v1',
    );
    const progress = { through: fc.nat(), chain: fc.constant('a'.repeat(64)) };
    const counts = fc.dictionary(text, fc.nat(), { maxKeys: 3 });
    const anything = fc.oneof(
      fc.dictionary(text, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
      fc.record({ attribution: fc.record({ organisation_id: text, team_id: text }) }),
    );
    const ofSources = fc.record({
      ...progress,
      counts,
      instance: text,
      signature: text,
      public_key: text,
      software_version: text,
      previous: fc.array(fc.record({ source: fc.constant('/gateways/gw-1/e0'), ...progress, counts }), {
        maxLength: 2,
      }),
      reason: fc.constantFrom('spool-full', 'spool-corrupt'),
      source: fc.constantFrom('/gateways/gw-1/e0', '/gateways/gw-2/e0'),
      from: fc.nat(),
      to: fc.nat(),
      unrecorded_requests: fc.nat(),
      since: fc.constantFrom('0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999999999Z'),
      until: fc.constant('2026-03-01T10:00:00Z'),
    });
    const data = fc.oneof({ weight: 1, arbitrary: anything }, { weight: 3, arbitrary: ofSources });
    const members = fc.record({
      type: fc.oneof({ weight: 3, arbitrary: sourcesKind }, { weight: 1, arbitrary: text }),
      subject: text,
      time: fc.constantFrom('0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999999999Z', '2026-03-01T10:00:00Z'),
      sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).map(formatSequence),
      source: fc.constantFrom('/gateways/gw-1/e1', '/services/x/e1'),
      data,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(members, { minLength: 1, maxLength: 20 }), async (all) => {
        const taken = all.map(bytesOf).filter((bytes) => parseInboxEvent(bytes).kind === 'event');
        await stand.deliver(taken);
        await stand.integrate();
        const { rows } = await stand.pool.query('SELECT FROM inbox');
        expect(rows).toEqual([]);
      }),
      { numRuns: 25 },
    );
    await stand.assertWhole();
  });

  it.each(['\u0000', '\ud800'])('may state a key that can not be stored: it is no key', async (key) => {
    const started = bytesOf({
      type: 'tollgate.source.started.v1',
      source: `/services/strange-${random.integer(1, 1_000_000)}/e1`,
      data: { instance: 'strange', public_key: key, software_version: 'test', previous: [] },
    });
    await stand.deliver([started]);
    await stand.integrate();
    expect((await stand.pool.query('SELECT FROM inbox')).rows).toEqual([]);
  });

  it('keeps bytes that are no UTF-8 as they came', async () => {
    const bytes = bytesOf({ source: '/services/latin/e1', data: { note: 'caf?' } });
    bytes[bytes.indexOf('?')] = 0xe9;
    await stand.deliver([bytes]);
    await stand.integrate();
    await stand.assertWhole();
    expect((await stand.archived()).at(-1)?.bytes).toEqual(bytes);
  });
});
