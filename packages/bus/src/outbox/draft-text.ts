import { type EventDraft, formatSequence, isKnownType, KINDS, MAX_EVENT_BYTES } from '@tollgate/events';
import { BusError } from '../errors.ts';

/** What the envelope adds to a draft: source, sequence, and the fixed members. */
const ENVELOPE_BYTES = 512;

/**
 * A draft as the outbox keeps it: the event's JSON, but for the members that numbering adds in front. Its type comes
 * first, so that the relay need not parse it.
 *
 * @throws BusError `not-numbered`, `event-too-large`
 */
export function draftText(draft: EventDraft): string {
  if (!KINDS[draft.type].numbered) {
    throw new BusError('not-numbered', `${draft.type} is not numbered by its source: publish it instead`);
  }
  const { type, id, subject, time, traceparent, data } = draft;
  const text = JSON.stringify({ type, id, subject, time, traceparent, data });
  const bytes = Buffer.byteLength(text) + ENVELOPE_BYTES;
  if (bytes > MAX_EVENT_BYTES) {
    throw new BusError(
      'event-too-large',
      `${draft.type} of ${draft.subject} takes ${bytes} bytes; consumers accept ${MAX_EVENT_BYTES}`,
    );
  }
  return text;
}

const TYPE_FIRST = /^\{"type":"([a-z0-9.-]+)"/;

/** The type of the draft that a text holds. */
export function typeOfDraft(text: string): EventDraft['type'] {
  const type = TYPE_FIRST.exec(text)?.[1] ?? '';
  if (!isKnownType(type)) throw new RangeError('an outbox row without a draft of a known type');
  return type;
}

/** An event's text up to the number, for every event of a source. */
export function headOf(source: string): string {
  return `{"specversion":"1.0","source":${JSON.stringify(source)},"datacontenttype":"application/json","sequence":"`;
}

/** The event's final text. In SQL: `head || lpad(sequence::text, 19, '0') || '",' || substr(draft, 2)`. */
export function numberedText(head: string, sequence: number, draft: string): string {
  return `${head}${formatSequence(sequence)}",${draft.slice(1)}`;
}
