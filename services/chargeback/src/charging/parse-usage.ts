import { MAX_EVENT_BYTES, type Parsed, parseEvent, UsageReader } from '@tollgate/events';
import type { UsageEvent } from './charged-usage.ts';

/** More tokens than one attempt can use; and ten thousand of them still sum up exactly in a JS number. */
export const MAX_TOKENS = 100_000_000_000;
const MAX_ATTEMPT = 1_000;
/** What an event of charges adds to the attribution is at most so much more than what its usage event does. */
const CHARGE_MARGIN_BYTES = 2_048;
/** So that the event of its charges, which repeats the attribution, is no larger than an event may be. */
export const MAX_USAGE_BYTES = MAX_EVENT_BYTES - CHARGE_MARGIN_BYTES;
/** Before this year nobody called us; and Postgres knows no year 0. */
const FIRST_YEAR = '2000';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** How JSON writes the one character that Postgres keeps in no text. */
const ESCAPED_NUL = '\\u0000';

/**
 * How messages of the topic `usage` are read. What the tables could never take is malformed here, so that it goes to
 * the dead letters instead of stopping its partition. What is returned never throws; it remembers attributions.
 */
export function usageParser(): (bytes: Uint8Array) => Parsed<UsageEvent> {
  const reader = new UsageReader();
  return (bytes) => {
    const plain = bytes.byteLength <= MAX_EVENT_BYTES ? reader.read(bytes) : null;
    if (plain !== null) return checked(plain, bytes);
    const parsed = parseEvent(bytes);
    if (parsed.kind !== 'event') return parsed;
    if (parsed.event.type !== 'tollgate.usage.v1') {
      return { kind: 'malformed', error: `type: ${parsed.event.type} is no usage` };
    }
    return checked(parsed.event, bytes);
  };
}

function checked(event: UsageEvent, bytes: Uint8Array): Parsed<UsageEvent> {
  const error = fault(event, bytes);
  return error === null ? { kind: 'event', event } : { kind: 'malformed', error };
}

function fault(event: UsageEvent, bytes: Uint8Array): string | null {
  const { data } = event;
  if (bytes.byteLength > MAX_USAGE_BYTES)
    return `is larger than ${MAX_USAGE_BYTES} bytes, so its charges would not fit`;
  if (!UUID.test(event.id)) return 'id: is not a UUID in lower case';
  if (!UUID.test(event.subject)) return 'subject: is not a request id (a UUID in lower case)';
  if (!Number.isSafeInteger(Number(event.sequence))) return 'sequence: is too large';
  if (data.requested_at < FIRST_YEAR) return 'data.requested_at: is before the year 2000';
  if (data.attempt > MAX_ATTEMPT) return `data.attempt: is more than ${MAX_ATTEMPT}`;
  for (const name in data.quantities) {
    if (Number(data.quantities[name]) > MAX_TOKENS)
      return `data.quantities.${name}: is more than ${MAX_TOKENS}`;
  }
  const { tags } = data.attribution;
  for (const name in tags) {
    if (!name.isWellFormed() || tags[name]?.isWellFormed() !== true)
      return 'data.attribution.tags: is not Unicode';
  }
  if (
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(ESCAPED_NUL) &&
    holdsNul(event)
  ) {
    return 'a text holds the NUL character';
  }
  return null;
}

function holdsNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0');
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, member]) => name.includes('\0') || holdsNul(member));
}
