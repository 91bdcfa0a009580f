import { formatSequence } from './envelope.ts';
import { type DataOf, type EventType, KINDS } from './kinds.ts';

/** An event before its source has numbered it. */
export type EventDraft<T extends EventType = EventType> = {
  [K in T]: {
    type: K;
    /** UUIDv7. */
    id: string;
    subject: string;
    /** RFC 3339 UTC. */
    time: string;
    traceparent?: string;
    data: DataOf<K>;
  };
}[T];

/**
 * The bytes of an event, final from here on.
 *
 * @param sequence the number its source gives it, from 1; null for kinds that are not numbered
 * @throws TypeError where a numbered kind gets no number, or the other way round
 */
export function serializeEvent(draft: EventDraft, source: string, sequence: number | null): Buffer {
  if (KINDS[draft.type].numbered !== (sequence !== null)) {
    throw new TypeError(`${draft.type} is ${KINDS[draft.type].numbered ? '' : 'not '}numbered by its source`);
  }
  return Buffer.from(
    JSON.stringify({
      specversion: '1.0',
      id: draft.id,
      source,
      type: draft.type,
      subject: draft.subject,
      time: draft.time,
      datacontenttype: 'application/json',
      ...(sequence === null ? {} : { sequence: formatSequence(sequence) }),
      ...(draft.traceparent === undefined ? {} : { traceparent: draft.traceparent }),
      data: draft.data,
    }),
  );
}
