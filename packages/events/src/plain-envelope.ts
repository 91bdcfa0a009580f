import type { Envelope } from './envelope.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const SOURCE = /^\/(?:gateways|services)\/[A-Za-z0-9._-]{1,64}\/[A-Za-z0-9-]{1,64}$/;
const SEQUENCE = /^\d{19}$/;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
/** Milliseconds or finer, on a day that every such month has. */
const INSTANT =
  /^\d{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3,9}Z$/;
const MAX_TYPE_LENGTH = 128;
const MAX_SUBJECT_LENGTH = 256;

/**
 * Whether this is an envelope as Tollgate writes them. True only of what the schema accepts, which remains the law: what
 * is not plain has to be asked there. A consumer reads every event, and this costs a tenth of the schema's way.
 */
export function isPlainEnvelope(json: unknown): json is Envelope {
  if (!isObject(json)) return false;
  const { specversion, id, source, type, subject, time, datacontenttype, sequence, traceparent, data } = json;
  return (
    specversion === '1.0' &&
    datacontenttype === 'application/json' &&
    matches(UUID, id) &&
    matches(SOURCE, source) &&
    matches(INSTANT, time) &&
    isText(type, MAX_TYPE_LENGTH) &&
    isText(subject, MAX_SUBJECT_LENGTH) &&
    (sequence === undefined || matches(SEQUENCE, sequence)) &&
    (traceparent === undefined || matches(TRACEPARENT, traceparent)) &&
    isObject(data)
  );
}

function matches(pattern: RegExp, value: unknown): boolean {
  return typeof value === 'string' && pattern.test(value);
}

function isText(value: unknown, maxLength: number): boolean {
  return typeof value === 'string' && value.length > 0 && value.length <= maxLength;
}

function isObject(value: unknown): value is Readonly<Record<keyof Envelope, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
