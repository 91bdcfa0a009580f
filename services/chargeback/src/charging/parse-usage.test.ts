import { serializeEvent } from '@tollgate/events';
import { describe, expect, it } from 'vitest';
import { countingUuid, usageBytes } from '../testing/usage-events.ts';
import { usageParser } from './parse-usage.ts';

const parseUsage = usageParser();

type Json = { [member: string]: unknown };

/** A usage event after an edit of its JSON. */
function edited(edit: (event: Json, data: Json) => void): Buffer {
  const event: Json = JSON.parse(usageBytes({ n: 1 }).toString('utf8'));
  edit(event, event['data'] as Json);
  return Buffer.from(JSON.stringify(event));
}

describe('reading usage to be charged', () => {
  it('reads usage, by the short way and by the long one alike', () => {
    expect(parseUsage(usageBytes({ n: 1 }))).toMatchObject({ kind: 'event', event: { id: countingUuid(1) } });
    const withoutMilliseconds = edited((_, data) => {
      data['requested_at'] = '2026-03-10T12:00:00Z';
    });
    expect(parseUsage(withoutMilliseconds)).toMatchObject({ kind: 'event', event: { id: countingUuid(1) } });
  });

  it.each<[string, (event: Json, data: Json) => void, RegExp]>([
    [
      'an id that is no UUID in lower case',
      (event) => (event['id'] = countingUuid(171).toUpperCase()),
      /^id: /,
    ],
    ['a subject that is no request', (event) => (event['subject'] = 'request-1'), /^subject: /],
    ['a number beyond 2^53', (event) => (event['sequence'] = '9'.repeat(19)), /^sequence: /],
    [
      'a year that Postgres has not',
      (_, data) => (data['requested_at'] = '0000-01-01T00:00:00.000Z'),
      /requested_at/,
    ],
    [
      'more tokens than can be',
      (_, data) => ((data['quantities'] as Json)['input_tokens'] = 1e12),
      /input_tokens/,
    ],
    ['endless attempts', (_, data) => (data['attempt'] = 1e6), /attempt/],
    ['a NUL in a text', (_, data) => (data['client_request_id'] = 'a\0b'), /NUL/],
    [
      'half a character in a tag',
      (_, data) => ((data['attribution'] as Json)['tags'] = { app: '\ud800' }),
      /tags: is not Unicode/,
    ],
    [
      'a quantity below zero',
      (_, data) => ((data['quantities'] as Json)['input_tokens'] = -1),
      /input_tokens/,
    ],
  ])('finds %s malformed, which no table could take', (_, edit, error) => {
    expect(parseUsage(edited(edit))).toEqual({ kind: 'malformed', error: expect.stringMatching(error) });
  });

  it('takes a text that only speaks of the NUL character', () => {
    const parsed = parseUsage(edited((_, data) => (data['client_request_id'] = 'a\\u0000b')));
    expect(parsed.kind).toBe('event');
  });

  it('stops at a version that it does not know', () => {
    expect(parseUsage(edited((event) => (event['type'] = 'tollgate.usage.v2')))).toEqual({
      kind: 'unknown-version',
      type: 'tollgate.usage.v2',
    });
  });

  it('finds malformed what is no usage, no JSON or too large', () => {
    const other = serializeEvent(
      {
        type: 'tollgate.directory.heartbeat.v1',
        id: countingUuid(1),
        subject: 'directory',
        time: '2026-03-10T12:00:00.000Z',
        data: { at: '2026-03-10T12:00:00.000Z' },
      },
      '/services/directory/e1',
      null,
    );
    expect(parseUsage(other)).toMatchObject({
      kind: 'malformed',
      error: expect.stringContaining('no usage'),
    });
    expect(parseUsage(Buffer.from('{'))).toMatchObject({ kind: 'malformed' });
    expect(parseUsage(Buffer.alloc(70_000, ' '))).toMatchObject({ kind: 'malformed' });
  });
});
