import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvCell, csvFormat } from './csv.ts';
import { type ExportedEvent, isObject } from './exported-event.ts';
import { ndjsonFormat } from './ndjson.ts';
import { ocsfOf } from './ocsf.ts';

const folder = new URL('../../../../packages/events/samples/v1/', import.meta.url);
const samples: [string, ExportedEvent][] = readdirSync(folder).map((file, leafIndex) => {
  const event: unknown = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
  if (!isObject(event)) throw new Error(`${file} is no object`);
  return [file, { leafIndex, receivedAt: '2026-03-01T10:00:00.000Z', event }];
});
const sampleOf = (name: string) => {
  const found = samples.find(([file]) => file === `${name}.json`)?.[1];
  if (found === undefined) throw new Error(`no sample ${name}`);
  return found;
};

describe('OCSF', () => {
  const schema: object = JSON.parse(
    readFileSync(new URL('testing/ocsf-1.8.0-api-activity.schema.json', import.meta.url), 'utf8'),
  );
  const validate = new Ajv2020({ strict: false, allErrors: true }).compile(schema);

  it.each(samples)('of %s is what the published schema takes, without a member too many', (_, sample) => {
    const written: unknown = JSON.parse(JSON.stringify(ocsfOf(sample)));
    expect(validate(written), JSON.stringify(validate.errors)).toBe(true);
  });

  it('of an event that lacks everything is valid all the same', () => {
    const bare = { leafIndex: 0, receivedAt: 'x', event: { time: '2026-03-01T10:00:00Z', data: {} } };
    expect(validate(ocsfOf(bare)), JSON.stringify(validate.errors)).toBe(true);
  });

  it('is refused by that schema where it is wrong, so that the test can fail', () => {
    const written = ocsfOf(sampleOf('usage'));
    expect(validate({ ...written, activity_id: 7 })).toBe(false);
    expect(validate({ ...written, no_such_member: 1 })).toBe(false);
    expect(validate({ ...written, ai_model: {} })).toBe(false);
  });

  it('of a usage names the model, who called, what it came to and the tokens', () => {
    const { event } = sampleOf('usage');
    const { data }: { data: { quantities: Record<string, number> } } = JSON.parse(JSON.stringify(event));
    expect(ocsfOf(sampleOf('usage'))).toMatchObject({
      class_uid: 6003,
      type_uid: 600301,
      status_id: 1,
      metadata: {
        uid: event['id'],
        correlation_uid: event['subject'],
        profiles: ['ai_operation'],
        version: '1.8.0',
      },
      actor: { user: { uid: expect.any(String), credential_uid: expect.any(String) } },
      ai_model: { name: expect.any(String), ai_provider: 'Databricks' },
      message_context: {
        prompt_tokens: data.quantities['input_tokens'],
        completion_tokens: data.quantities['output_tokens'],
      },
    });
  });

  it('of a change says what was done to what, without the profile', () => {
    const written = ocsfOf(sampleOf('admin'));
    expect(written).toMatchObject({ class_uid: 6003, actor: { user: {} }, resources: [{}] });
    expect(written).not.toHaveProperty('ai_model');
    expect(written['metadata']).not.toHaveProperty('profiles');
  });
});

describe('CSV', () => {
  it('has the same columns for every kind', () => {
    const columns = csvFormat.header.split(',').length;
    for (const [, sample] of samples) expect(fieldsOf(csvFormat.line(sample))).toHaveLength(columns);
  });

  it('gives back any text, but for the apostrophe before what would be calculated', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const [read = ''] = fieldsOf(`${csvCell(text)}\r\n`);
        expect(read === text || read === `'${text}`).toBe(true);
      }),
    );
  });

  it('holds no formula, whatever an identifier is', () => {
    const start = fc.constantFrom('=', '+', '-', '@', '\t', '\r', ' =', '＝', '"=', '\n=');
    fc.assert(
      fc.property(start, fc.string(), (first, rest) => {
        const [read = ''] = fieldsOf(`${csvCell(first + rest)}\r\n`);
        expect(/^\s*[=+\-@＝＋－＠\t\r]/.test(read)).toBe(false);
      }),
    );
    const usage = sampleOf('usage');
    const hostile = JSON.parse(
      JSON.stringify(usage.event).replaceAll('"served_model":"', '"served_model":"=cmd|'),
    );
    expect(csvFormat.line({ ...usage, event: hostile })).toContain("'=cmd|");
  });

  it('leaves numbers as they are', () => {
    expect(csvCell(-5)).toBe('-5');
    expect(csvCell(null)).toBe('');
  });
});

it('NDJSON is the event as it was published, and where it lies', () => {
  for (const [, sample] of samples) {
    expect(JSON.parse(ndjsonFormat.line(sample))).toEqual({
      leaf_index: sample.leafIndex,
      received_at: sample.receivedAt,
      event: sample.event,
    });
  }
});

/** The fields of one record (RFC 4180). */
function fieldsOf(record: string): string[] {
  const fields: string[] = [];
  const token = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
  for (let match = token.exec(record); match !== null; match = token.exec(record)) {
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] !== ',') break;
  }
  return fields;
}
