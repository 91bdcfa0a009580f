import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseSequence } from './envelope.ts';
import { KINDS, parseEnvelope, parseEvent, serializeEvent } from './index.ts';

const folder = new URL('../samples/', import.meta.url);
const samples = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.json'))
  .sort()
  .map((file) => ({ file, bytes: readFileSync(new URL(file, folder)) }));

describe('recorded samples', () => {
  test.each(samples)('$file is still understood, whole and unchanged', ({ bytes }) => {
    const parsed = parseEvent(bytes);
    expect(parsed).toMatchObject({ kind: 'event' });
    if (parsed.kind !== 'event') return;
    const { event } = parsed;
    expect(event).toEqual(JSON.parse(bytes.toString()));
    const sequence = event.sequence === undefined ? null : parseSequence(event.sequence);
    const { type, id, subject, time, traceparent, data } = event;
    const draft = { type, id, subject, time, ...(traceparent === undefined ? {} : { traceparent }), data };
    expect(JSON.parse(serializeEvent(draft as never, event.source, sequence).toString())).toEqual(
      JSON.parse(bytes.toString()),
    );
  });

  test('there is one of every kind', () => {
    const recorded = samples.map(({ bytes }) => JSON.parse(bytes.toString())['type']);
    expect(recorded.sort()).toEqual(Object.keys(KINDS).sort());
  });

  test.each(samples)('$file with members of a later version is accepted, and they are kept', ({ bytes }) => {
    const json = JSON.parse(bytes.toString());
    json['laterextension'] = 'x';
    json['data']['later_member'] = { nested: true };
    const parsed = parseEvent(Buffer.from(JSON.stringify(json)));
    expect(parsed).toMatchObject({
      kind: 'event',
      event: { laterextension: 'x', data: { later_member: { nested: true } } },
    });
  });

  test.each(samples)(
    '$file without any one of its data members is malformed and the member is named',
    ({ bytes }) => {
      const json = JSON.parse(bytes.toString());
      for (const member of Object.keys(json['data'])) {
        const data = { ...json['data'] };
        delete data[member];
        const parsed = parseEvent(Buffer.from(JSON.stringify({ ...json, data })));
        expect(parsed).toMatchObject({ kind: 'malformed', error: expect.stringContaining(`data.${member}`) });
        expect(parseEnvelope(Buffer.from(JSON.stringify({ ...json, data })))).toMatchObject({
          kind: 'event',
        });
      }
    },
  );
});
