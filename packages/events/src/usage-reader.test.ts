import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEvent } from './parse.ts';
import { serializeEvent } from './serialize.ts';
import { UsageReader } from './usage-reader.ts';

type Json = { [member: string]: unknown };

const BYTES = serializeEvent(
  {
    type: 'tollgate.usage.v1',
    id: '0197c9a0-0001-7000-8000-000000000007',
    subject: '0197c9a0-0002-7000-8000-000000000007',
    time: '2026-03-10T12:00:01.000Z',
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    data: {
      attribution: {
        organisation_id: 'org_acme',
        team_id: 'team_search',
        project_id: 'project_rag',
        cost_centre_id: 'cc_100',
        principal_type: 'service',
        principal_id: 'sp_indexer',
        key_id: 'key_1',
        requested_model: 'llama',
        served_model: 'llama',
        target_id: 'databricks',
        serving_mode: 'pay-per-token',
        region: 'eu-central-1',
        tags: { app: 'indexer', env: 'Prüfung' },
        policy: { name: 'test', version: '1.0.0', digest: 'a'.repeat(64) },
      },
      requested_at: '2026-03-10T12:00:00.000Z',
      client_request_id: 'client-7',
      retain_until: null,
      attempt: 1,
      final: true,
      outcome: 'completed',
      fidelity: 'provider',
      quantities: {
        input_tokens: 100,
        output_tokens: 10,
        cached_input_tokens: 0,
        cache_creation_tokens: 0,
        reasoning_tokens: 0,
      },
      upstream_status: 200,
      status: 200,
      stream: false,
      output_bytes: 100,
      duration_us: 1000,
      first_byte_us: 500,
      finished_at: '2026-03-10T12:00:01.000Z',
      lease_ids: ['0197c9a0-0003-7000-8000-000000000007'],
      payloads: [
        { direction: 'request', body_bytes: 10, kept_bytes: 5, digest: 'b'.repeat(64) },
        { direction: 'response', body_bytes: 10, kept_bytes: 0, digest: null },
      ],
    },
  },
  '/gateways/gw-1/0197c9a0-0000-7000-8000-000000000001',
  8,
);

const plain = (): Json => JSON.parse(BYTES.toString('utf8'));

/** What is read holds what the text says, and the schemas take it. */
function agree(bytes: Buffer, reader: UsageReader): boolean {
  const read = reader.read(bytes);
  if (read === null) return false;
  const json = JSON.parse(bytes.toString('utf8'));
  expect(read).toEqual(json);
  expect(parseEvent(bytes)).toEqual({ kind: 'event', event: json });
  return true;
}

/** Every place in an event, as a path. */
function places(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [[...path]];
  return [[...path], ...Object.entries(value).flatMap(([name, member]) => places(member, [...path, name]))];
}

function change(event: Json, path: readonly string[], edit: (parent: Json, name: string) => void): Json {
  let parent = event;
  for (const name of path.slice(0, -1)) parent = parent[name] as Json;
  const last = path.at(-1);
  if (last !== undefined) edit(parent, last);
  return event;
}

describe('reading usage the short way', () => {
  it('reads what gateways write, whether or not their attribution was seen before', () => {
    const reader = new UsageReader();
    for (let time = 0; time < 3; time += 1) expect(agree(BYTES, reader)).toBe(true);
    const extra = Buffer.from(JSON.stringify({ ...plain(), extra: 'unknown members are kept' }));
    expect(agree(extra, reader)).toBe(true);
  });

  it('reads an attribution only where the event has it', () => {
    const reader = new UsageReader();
    reader.read(BYTES);
    const attribution = JSON.stringify((plain()['data'] as Json)['attribution']);
    const text = BYTES.toString('utf8');
    const elsewhere = text.replace('"data":{', `"extra":{"attribution":${attribution},"a":1},"data":{`);
    expect(agree(Buffer.from(elsewhere), reader)).toBe(true);
    const misleading = text.replace('"indexer"', '"indexer \\"}},"');
    expect(agree(Buffer.from(misleading), reader)).toBe(true);
    const twice = text.replace('"quantities":', '"attribution":{"team_id":7},"quantities":');
    expect(reader.read(Buffer.from(twice))).toBeNull();
    const missing = text.replace(`"attribution":${attribution},`, '');
    expect(reader.read(Buffer.from(missing))).toBeNull();
    const none = text.replace(attribution, 'null');
    expect(reader.read(Buffer.from(none))).toBeNull();
  });

  it('never takes what the schemas refuse, and reads the same where both take it', () => {
    const odd = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>(
        null,
        '',
        'x'.repeat(65),
        'x'.repeat(129),
        'x'.repeat(257),
        -1,
        1.5,
        1e300,
        99,
        100,
        599,
        600,
        2 ** 53,
        [],
        {},
        Array.from({ length: 33 }, () => 'x'),
        ['x'.repeat(65)],
        { ['x'.repeat(65)]: 'y' },
        { a: 1 },
        JSON.parse('{"__proto__":"x"}'),
        '2026-02-29T00:00:00.000Z',
        '2024-02-29T00:00:00.000Z',
        '2026-04-31T00:00:00.000Z',
        '2026-01-01T24:00:00.000Z',
        '2026-01-01T00:00:60.000Z',
        '2026-01-01T00:00:00Z',
        '2026-01-01T00:00:00.000+01:00',
        '0197C9A0-0001-7000-8000-00000000ABCD',
        '0197c9a0-0001-4000-8000-000000000001',
        '00000000-0000-0000-0000-000000000000',
        '/services/x/y',
        '/gateways/x',
        '0'.repeat(18),
        'tollgate.request.v1',
        'tollgate.usage.v2',
      ),
    );
    const all = places(plain());
    const reader = new UsageReader();
    let short = 0;
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.option(odd, { nil: undefined }), (path, value) => {
        const event = change(plain(), path, (parent, name) => {
          if (value === undefined) delete parent[name];
          else parent[name] = value;
        });
        if (agree(Buffer.from(JSON.stringify(event)), reader)) short += 1;
      }),
      { numRuns: 10_000 },
    );
    expect(short).toBeGreaterThan(500);
  });

  it('never takes changed bytes that the schemas refuse, and reads the same where both take them', () => {
    const reader = new UsageReader();
    reader.read(BYTES);
    const piece = fc.oneof(
      fc.constantFrom('"', '{', '}', '}},"', ',', '\\', '"attribution":{', '0', 'a'),
      fc.string(),
    );
    const place = fc.nat({ max: BYTES.length });
    let short = 0;
    fc.assert(
      fc.property(place, fc.nat({ max: 3 }), piece, (at, removed, added) => {
        const bytes = Buffer.concat([
          BYTES.subarray(0, at),
          Buffer.from(added),
          BYTES.subarray(Math.min(at + removed, BYTES.length)),
        ]);
        if (agree(bytes, reader)) short += 1;
      }),
      { numRuns: 6_000 },
    );
    expect(short).toBeGreaterThan(100);
  });
});
