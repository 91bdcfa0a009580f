import { ownerOf } from './event-owner.ts';
import { type RequestMark, requestMark } from './request-marks.ts';
import { Terms } from './terms.ts';

/** What the index keeps of an event. */
export interface EventFacts {
  readonly source: string;
  readonly type: string;
  /** `requested_at` where the event has one, else its own time; epoch milliseconds. */
  readonly happenedMs: number;
  readonly organisationId: string | null;
  readonly teamId: string | null;
  /** A tsvector, as COPY takes it. */
  readonly terms: Buffer;
  /** What it means for its request; null where it means nothing. */
  readonly mark: RequestMark | null;
}

type Json = Readonly<Record<string, unknown>>;

const MIN_MS = Date.parse('0001-01-01T00:00:00Z');
const MAX_MS = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * Reads an archived event.
 * @throws SyntaxError where the bytes are no JSON, which nothing is that was archived
 */
export function factsOf(bytes: Buffer): EventFacts {
  return factsOfJson(objectOf(JSON.parse(bytes.toString('utf8'))));
}

/**
 * The same of an event whose JSON has been read. Events of kinds and versions that this release does not know are read as far as their
 * members are where they usually are.
 */
export function factsOfJson(event: Json): EventFacts {
  const data = objectOf(event['data']);
  const type = String(event['type']).toWellFormed();
  return {
    source: String(event['source']),
    type,
    happenedMs: instantOf(data['requested_at']) ?? instantOf(event['time']) ?? 0,
    ...ownerOf(data),
    terms: termsOf(event, data).bytes,
    mark: requestMark(type, String(event['subject']).toWellFormed(), data),
  };
}

function termsOf(event: Json, data: Json): Terms {
  const terms = new Terms();
  const attribution = objectOf(data['attribution']);
  const about = 'attribution' in data ? attribution : data;
  terms.add(isRequest(event['type']) ? 'request' : 'object', event['subject']);
  terms.add('request', data['request_id']);
  terms.add('client-request', data['client_request_id']);
  if (typeof event['traceparent'] === 'string') terms.add('trace', event['traceparent'].split('-')[1]);
  terms.add('principal', about['principal_id']);
  terms.add('principal', objectOf(data['actor'])['id']);
  terms.add('key', about['key_id']);
  terms.add('project', about['project_id']);
  terms.add('cost-centre', about['cost_centre_id']);
  terms.add('target', attribution['target_id']);
  for (const name of ['requested_model', 'served_model']) terms.add('model', attribution[name]);
  terms.add('model', data['model']);
  terms.add('outcome', data['outcome']);
  terms.add('code', data['code']);
  const policy = objectOf(attribution['policy']);
  for (const name of ['name', 'digest']) terms.add('policy', policy[name]);
  for (const each of listOf(data['findings'])) {
    const finding = objectOf(each);
    terms.add('policy', finding['policy']);
    terms.add('finding', finding['rule']);
    terms.add('finding', `${String(finding['policy'])}/${String(finding['rule'])}`);
  }
  for (const lease of listOf(data['lease_ids'])) terms.add('lease', lease);
  terms.add('action', data['action']);
  terms.add('object', data['target']);
  terms.add('object', objectOf(data['entity'])['id']);
  for (const name of ['limit_id', 'price_id', 'usage_event_id', 'billing_period'])
    terms.add('object', data[name]);
  return terms;
}

const ABOUT_REQUESTS: ReadonlySet<unknown> = new Set([
  'tollgate.request.v1',
  'tollgate.decision.v1',
  'tollgate.usage.v1',
  'tollgate.charge.v1',
]);

function isRequest(type: unknown): boolean {
  return ABOUT_REQUESTS.has(type);
}

function instantOf(value: unknown): number | null {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return ms >= MIN_MS && ms <= MAX_MS ? ms : null;
}

function objectOf(value: unknown): Json {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
