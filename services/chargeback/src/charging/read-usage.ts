import { KINDS } from '@tollgate/events';
import type { UsageEvent } from './charged-usage.ts';

/**
 * The short way to read a usage event: plain checks instead of schemas, which take three times as long as parsing
 * the JSON does. It knows the event as gateways write it and nothing else; whatever looks different gets `null`
 * and goes the long way, through `parseEvent`, which alone decides what is malformed. So this file may refuse what
 * is fine, and must never take what is not: its test mutates events to hold the two against each other.
 */

const { shape } = KINDS['tollgate.usage.v1'].data;
const attribution = shape.attribution.shape;
const PRINCIPAL_TYPES: ReadonlySet<unknown> = new Set(attribution.principal_type.options);
const SERVING_MODES: ReadonlySet<unknown> = new Set([...attribution.serving_mode.unwrap().options, null]);
const OUTCOMES: ReadonlySet<unknown> = new Set(shape.outcome.options);
const FIDELITIES: ReadonlySet<unknown> = new Set(shape.fidelity.options);

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

type Json = { readonly [member: string]: unknown };

/** The event, if it is a plain usage event of a gateway; else null, which says nothing about it. */
export function readUsage(json: unknown): UsageEvent | null {
  if (!isObject(json) || !isObject(json['data'])) return null;
  return isEnvelope(json) && isUsage(json['data']) ? (json as unknown as UsageEvent) : null;
}

function isEnvelope(event: Json): boolean {
  return (
    event['type'] === 'tollgate.usage.v1' &&
    event['specversion'] === '1.0' &&
    event['datacontenttype'] === 'application/json' &&
    event['traceparent'] === undefined &&
    matches(event['id'], UUID_V7) &&
    matches(event['subject'], UUID_V7) &&
    matches(event['source'], SOURCE) &&
    matches(event['sequence'], SEQUENCE) &&
    matches(event['time'], INSTANT)
  );
}

function isUsage(data: Json): boolean {
  const { quantities } = data;
  return (
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
    isObject(data['attribution']) &&
    isAttribution(data['attribution'])
  );
}

function isAttribution(of: Json): boolean {
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
