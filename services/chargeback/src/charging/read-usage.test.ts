import { parseEvent } from '@tollgate/events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { usageBytes } from '../testing/usage-events.ts';
import { readUsage } from './read-usage.ts';

type Json = { [member: string]: unknown };

const plain = (): Json => JSON.parse(usageBytes({ n: 7 }).toString('utf8'));

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

describe('readUsage', () => {
  it('takes the short way for what gateways write', () => {
    expect(readUsage(plain())).toEqual(plain());
    const traced = { ...plain(), extra: 'unknown members are kept' };
    expect(readUsage(traced)).toEqual(traced);
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
    let short = 0;
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.option(odd, { nil: undefined }), (path, value) => {
        const event = change(plain(), path, (parent, name) => {
          if (value === undefined) delete parent[name];
          else parent[name] = value;
        });
        const text = JSON.stringify(event);
        const read = readUsage(JSON.parse(text));
        if (read === null) return;
        short += 1;
        const parsed = parseEvent(Buffer.from(text));
        expect(parsed).toEqual({ kind: 'event', event: JSON.parse(text) });
        expect(read).toEqual(JSON.parse(text));
      }),
      { numRuns: 20_000 },
    );
    expect(short).toBeGreaterThan(500);
  });
});
