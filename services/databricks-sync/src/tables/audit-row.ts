import { hash } from 'node:crypto';
import { type Envelope, parseSequence } from '@tollgate/events';
import { dateOf, rowOf, type TableRow, timestampOf, type Value } from './row.ts';

type Json = Readonly<Record<string, unknown>>;

const USAGE = 'tollgate.usage.v1';
/** Types whose subject is the request. */
const OF_REQUESTS = /^tollgate\.(request|decision|usage)\.v\d+$/;

/** The row of a numbered event of any version: what of its data is not as expected is null. */
export function auditRow(event: Envelope & { readonly sequence: string }, bytes: Uint8Array): TableRow {
  const { data } = event;
  const attribution = objectOf(data['attribution']);
  const owner = attribution ?? objectOf(data['entity']) ?? data;
  const usage = event.type === USAGE ? data : {};
  const quantities = objectOf(usage['quantities']) ?? {};
  const date = dateOf(event.time);
  const key = event.id.toLowerCase();
  return rowOf('audit_events', key, date, {
    event_date: date,
    event_id: key,
    source: event.source,
    sequence: parseSequence(event.sequence),
    type: event.type.toWellFormed(),
    subject: event.subject.toWellFormed(),
    time: timestampOf(event.time),
    organisation_id: textOf(owner['organisation_id']),
    team_id: textOf(owner['team_id']),
    request_id: OF_REQUESTS.test(event.type) ? event.subject.toWellFormed() : textOf(data['request_id']),
    requested_at: instantOf(data['requested_at']),
    model:
      event.type === USAGE
        ? (textOf(attribution?.['served_model']) ?? textOf(attribution?.['requested_model']))
        : null,
    final: typeof usage['final'] === 'boolean' ? usage['final'] : null,
    input_tokens: countOf(quantities['input_tokens']),
    output_tokens: countOf(quantities['output_tokens']),
    event: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'),
    sha256: hash('sha256', bytes, 'hex'),
  });
}

function objectOf(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null ? (value as Json) : undefined;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value.toWellFormed() : null;
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const FIRST_YEAR = '1970';

function instantOf(value: unknown): Value {
  if (typeof value !== 'string' || !INSTANT.test(value) || value < FIRST_YEAR) return null;
  return Number.isNaN(Date.parse(value)) ? null : timestampOf(value);
}

function countOf(value: unknown): Value {
  return Number.isSafeInteger(value) ? Number(value) : null;
}
