import { MAX_EVENT_BYTES, type Parsed, parseEvent, type TollgateEvent, UsageReader } from '@tollgate/events';

/** What the service consumes; anything else on its topics is passed over. */
export type ConsumedEvent =
  | TollgateEvent<'tollgate.usage.v1'>
  | TollgateEvent<'tollgate.source.started.v1'>
  | TollgateEvent<'tollgate.source.heartbeat.v1'>
  | TollgateEvent<'tollgate.source.stopped.v1'>
  | null;

/** Nobody called us before, and nobody will have called us after: windows then make no sense. */
const FIRST_YEAR = '2000';
const LAST_YEAR = '2200';

/** How messages of the topics `usage` and `sources` are read. What is returned never throws; it remembers attributions. */
export function consumedParser(): (bytes: Uint8Array) => Parsed<ConsumedEvent> {
  const reader = new UsageReader();
  return (bytes) => {
    const usage = bytes.byteLength <= MAX_EVENT_BYTES ? reader.read(bytes) : null;
    if (usage !== null) return consumed(usage);
    const parsed = parseEvent(bytes);
    return parsed.kind === 'event' ? consumed(parsed.event) : parsed;
  };
}

function consumed(event: TollgateEvent): Parsed<ConsumedEvent> {
  switch (event.type) {
    case 'tollgate.usage.v1': {
      const { requested_at: at } = event.data;
      if (at < FIRST_YEAR || at >= LAST_YEAR) {
        return { kind: 'malformed', error: 'data.requested_at: is not between the years 2000 and 2199' };
      }
      if (!Number.isSafeInteger(Number(event.sequence)))
        return { kind: 'malformed', error: 'sequence: is too large' };
      return { kind: 'event', event };
    }
    case 'tollgate.source.started.v1':
    case 'tollgate.source.heartbeat.v1':
    case 'tollgate.source.stopped.v1':
      return { kind: 'event', event };
    default:
      return { kind: 'event', event: null };
  }
}
