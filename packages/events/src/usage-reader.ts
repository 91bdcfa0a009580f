import { randomUUID } from 'node:crypto';
import type { Attribution } from './attribution.ts';
import { KINDS } from './kinds.ts';
import type { TollgateEvent } from './parse.ts';
import { payloadStatement } from './request-events.ts';

/*
 * Plain checks instead of schemas, which take three times as long as parsing the JSON does. They know the event as
 * gateways write it and nothing else; whatever looks different is left to `parseEvent`, which alone decides what is
 * malformed. So this file may refuse what is fine, and must never take what is not: its test changes events, by members
 * and by bytes, to hold the two against each other.
 */

const { shape } = KINDS['tollgate.usage.v1'].data;
const ofAttribution = shape.attribution.shape;
const PRINCIPAL_TYPES: ReadonlySet<unknown> = new Set(ofAttribution.principal_type.options);
const SERVING_MODES: ReadonlySet<unknown> = new Set([...ofAttribution.serving_mode.unwrap().options, null]);
const OUTCOMES: ReadonlySet<unknown> = new Set(shape.outcome.options);
const DIRECTIONS: ReadonlySet<unknown> = new Set(payloadStatement.shape.direction.options);
const FIDELITIES: ReadonlySet<unknown> = new Set(shape.fidelity.options);

const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const SOURCE = /^\/gateways\/[A-Za-z0-9._-]{1,64}\/[A-Za-z0-9-]{1,64}$/;
const SEQUENCE = /^\d{19}$/;
const SHA256 = /^[0-9a-f]{64}$/;
/** With milliseconds; a 29th of February takes the long way. */
const INSTANT =
  /^\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;

const MAX_ID = 128;
const MAX_MODEL = 256;
const MAX_REGION = 64;
const MAX_TAG_NAME = 64;
const MAX_TAG_VALUE = 256;
const MAX_LEASES = 32;
const MAX_LEASE_ID = 64;
const MAX_PAYLOADS = 2;

/** How gateways begin an attribution, and how they go on behind it: its last member is an object, too. */
const ATTRIBUTION_BEGINS = Buffer.from('"attribution":{');
const ATTRIBUTION_ENDS = Buffer.from('}},"');
/** Attributions remembered; past it the memory starts anew. */
const MAX_ATTRIBUTIONS = 10_000;

type Json = { [member: string]: unknown };

/**
 * The short way to read usage events. Half of an event is its attribution, which thousands repeat byte for byte: it is
 * read and checked once, and its events share the object, which nobody may change.
 */
export class UsageReader {
  readonly #attributions = new Map<string, Attribution>();
  /** Stands for an attribution in the text around it; no event can hold it. */
  readonly #placeholder = randomUUID();

  /** The event, if it is a plain usage event of a gateway; else null, which says nothing about it. Never throws. */
  read(bytes: Uint8Array): TollgateEvent<'tollgate.usage.v1'> | null {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return this.#readAround(text) ?? readPlain(jsonOf(text.toString('utf8')), null);
  }

  /**
   * Reads the attribution and the text around it apart. Wherever the cut was made: if both are JSON, so is the whole,
   * and it comes to the two put together.
   */
  #readAround(text: Buffer): TollgateEvent<'tollgate.usage.v1'> | null {
    const name = text.indexOf(ATTRIBUTION_BEGINS);
    if (name < 0) return null;
    const begin = name + ATTRIBUTION_BEGINS.length - 1;
    const braces = text.indexOf(ATTRIBUTION_ENDS, begin);
    if (braces < 0) return null;
    const end = braces + 2;
    const attribution = this.#attribution(text.subarray(begin, end));
    if (attribution === null) return null;
    const around = `${text.toString('utf8', 0, begin)}"${this.#placeholder}"${text.toString('utf8', end)}`;
    const json = jsonOf(around);
    if (!isObject(json) || !isObject(json['data'])) return null;
    const { data } = json;
    if (data['attribution'] !== this.#placeholder) return null;
    data['attribution'] = attribution;
    return readPlain(json, attribution);
  }

  #attribution(bytes: Buffer): Attribution | null {
    // One character a byte: other bytes, other text.
    const key = bytes.toString('latin1');
    const known = this.#attributions.get(key);
    if (known !== undefined) return known;
    const json = jsonOf(bytes.toString('utf8'));
    if (!isAttribution(json)) return null;
    if (this.#attributions.size >= MAX_ATTRIBUTIONS) this.#attributions.clear();
    this.#attributions.set(key, json);
    return json;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @param checked an attribution that needs no more looking at, if it is the event's */
function readPlain(json: unknown, checked: Attribution | null): TollgateEvent<'tollgate.usage.v1'> | null {
  if (!isObject(json) || !isObject(json['data'])) return null;
  return isEnvelope(json) && isUsage(json['data'], checked)
    ? (json as unknown as TollgateEvent<'tollgate.usage.v1'>)
    : null;
}

function isEnvelope(event: Json): boolean {
  return (
    event['type'] === 'tollgate.usage.v1' &&
    event['specversion'] === '1.0' &&
    event['datacontenttype'] === 'application/json' &&
    (event['traceparent'] === undefined || matches(event['traceparent'], TRACEPARENT)) &&
    matches(event['id'], UUID_V7) &&
    matches(event['subject'], UUID_V7) &&
    matches(event['source'], SOURCE) &&
    matches(event['sequence'], SEQUENCE) &&
    matches(event['time'], INSTANT)
  );
}

function isUsage(data: Json, checked: Attribution | null): boolean {
  const { quantities, attribution } = data;
  return (
    (data['payloads'] === undefined || isPayloads(data['payloads'])) &&
    matches(data['requested_at'], INSTANT) &&
    matches(data['finished_at'], INSTANT) &&
    (data['retain_until'] === null || matches(data['retain_until'], INSTANT)) &&
    isTextOrNull(data['client_request_id'], MAX_ID) &&
    isCount(data['attempt']) &&
    typeof data['final'] === 'boolean' &&
    OUTCOMES.has(data['outcome']) &&
    FIDELITIES.has(data['fidelity']) &&
    isStatusOrNull(data['upstream_status']) &&
    isStatusOrNull(data['status']) &&
    typeof data['stream'] === 'boolean' &&
    isCount(data['output_bytes']) &&
    isCount(data['duration_us']) &&
    (data['first_byte_us'] === null || isCount(data['first_byte_us'])) &&
    isLeases(data['lease_ids']) &&
    isObject(quantities) &&
    isCount(quantities['input_tokens']) &&
    isCount(quantities['output_tokens']) &&
    isCount(quantities['cached_input_tokens']) &&
    isCount(quantities['cache_creation_tokens']) &&
    isCount(quantities['reasoning_tokens']) &&
    ((checked !== null && attribution === checked) || isAttribution(attribution))
  );
}

function isAttribution(of: unknown): of is Attribution {
  if (!isObject(of)) return false;
  const { tags, policy } = of;
  return (
    isId(of['organisation_id']) &&
    isId(of['team_id']) &&
    isIdOrNull(of['project_id']) &&
    isIdOrNull(of['cost_centre_id']) &&
    PRINCIPAL_TYPES.has(of['principal_type']) &&
    isId(of['principal_id']) &&
    isId(of['key_id']) &&
    isTextOrNull(of['requested_model'], MAX_MODEL) &&
    isTextOrNull(of['served_model'], MAX_MODEL) &&
    isTextOrNull(of['target_id'], MAX_MODEL) &&
    SERVING_MODES.has(of['serving_mode']) &&
    isTextOrNull(of['region'], MAX_REGION) &&
    isObject(tags) &&
    isTags(tags) &&
    isObject(policy) &&
    typeof policy['name'] === 'string' &&
    typeof policy['version'] === 'string' &&
    matches(policy['digest'], SHA256)
  );
}

function isTags(tags: Json): boolean {
  for (const name of Object.keys(tags)) {
    // `__proto__` is where schemas and objects differ.
    if (name.length > MAX_TAG_NAME || name.startsWith('__') || !isText(tags[name], MAX_TAG_VALUE))
      return false;
  }
  return true;
}

function isPayloads(value: unknown): boolean {
  if (!Array.isArray(value) || value.length > MAX_PAYLOADS) return false;
  return value.every(
    (each) =>
      isObject(each) &&
      DIRECTIONS.has(each['direction']) &&
      isCount(each['body_bytes']) &&
      isCount(each['kept_bytes']) &&
      (each['digest'] === null || matches(each['digest'], SHA256)),
  );
}

function isLeases(value: unknown): boolean {
  if (!Array.isArray(value) || value.length > MAX_LEASES) return false;
  return value.every((each) => isText(each, MAX_LEASE_ID));
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value);
}

function isText(value: unknown, max: number): boolean {
  return typeof value === 'string' && value.length <= max;
}

function isTextOrNull(value: unknown, max: number): boolean {
  return value === null || isText(value, max);
}

function isId(value: unknown): boolean {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_ID;
}

function isIdOrNull(value: unknown): boolean {
  return value === null || isId(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isStatusOrNull(value: unknown): boolean {
  return value === null || (Number.isInteger(value) && (value as number) >= 100 && (value as number) <= 599);
}
