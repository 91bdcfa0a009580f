import { type Envelope, envelope, MAX_EVENT_BYTES } from './envelope.ts';
import { type DataOf, type EventType, isKnownType, KINDS } from './kinds.ts';
import { isPlainEnvelope } from './plain-envelope.ts';

/** An event of a known type. */
export type TollgateEvent<T extends EventType = EventType> = {
  [K in T]: Envelope & { type: K; data: DataOf<K> };
}[T];

/**
 * What reading an event's bytes comes to. `unknown-version`: a type of ours in a major version that this
 * program does not know, so the reader is too old and must stop rather than skip. `malformed`: no reader will
 * ever understand it.
 */
export type Parsed<T> =
  | { kind: 'event'; event: T }
  | { kind: 'malformed'; error: string }
  | { kind: 'unknown-version'; type: string };

const OUR_TYPE = /^tollgate\.[a-z.-]+\.v(\d+)$/;

/** Reads the envelope alone: what the audit service does, which keeps events of every version. Never throws. */
export function parseEnvelope(bytes: Uint8Array): Parsed<Envelope> {
  if (bytes.byteLength > MAX_EVENT_BYTES) {
    return {
      kind: 'malformed',
      error: `an event holds at most ${MAX_EVENT_BYTES} bytes, not ${bytes.byteLength}`,
    };
  }
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    return { kind: 'malformed', error: 'not JSON' };
  }
  if (isPlainEnvelope(json)) return { kind: 'event', event: json };
  const result = envelope.safeParse(json);
  if (!result.success) return { kind: 'malformed', error: describe(result.error.issues) };
  return { kind: 'event', event: result.data };
}

/** Reads an event of a kind in full: envelope, type and data. Never throws. */
export function parseEvent(bytes: Uint8Array): Parsed<TollgateEvent> {
  const parsed = parseEnvelope(bytes);
  return parsed.kind === 'event' ? parseInEnvelope(parsed.event) : parsed;
}

/** Reads the rest of an event whose envelope has been read. Never throws. */
export function parseInEnvelope(read: Envelope): Parsed<TollgateEvent> {
  const { type, data, sequence } = read;
  if (!isKnownType(type)) {
    return OUR_TYPE.test(type)
      ? { kind: 'unknown-version', type }
      : { kind: 'malformed', error: `type: '${type}' is none of Tollgate's` };
  }
  const kind = KINDS[type];
  if (kind.numbered && sequence === undefined) return { kind: 'malformed', error: 'sequence: missing' };
  const result = kind.data.safeParse(data);
  if (!result.success) return { kind: 'malformed', error: describe(result.error.issues, 'data') };
  // The schema of exactly this type accepted the data; TypeScript can't follow that through the union.
  return { kind: 'event', event: { ...read, type, data: result.data } as TollgateEvent };
}

/** Names the fields, never their values: an event may come from anywhere. */
function describe(issues: readonly { path: PropertyKey[]; message: string }[], prefix = ''): string {
  return issues
    .slice(0, 5)
    .map((issue) =>
      [[prefix, ...issue.path].filter((part) => part !== '').join('.'), issue.message].join(': '),
    )
    .join('; ');
}
