import { type EventDraft, formatSequence, isKnownType, KINDS, MAX_EVENT_BYTES } from '@tollgate/events';
import { BusError } from '../errors.ts';

/** What the envelope adds to a draft: source, sequence, and the fixed members. */
const ENVELOPE_BYTES = 512;

declare const draftBrand: unique symbol;

/** A draft as the outbox keeps it: the event's JSON, but for the members that numbering adds in front. */
export type DraftText = string & { readonly [draftBrand]: true };

/**
 * The text of a draft whose data is JSON already, for whoever makes so many alike that writing each anew costs more
 * than all the rest. Its type comes first, so that the relay need not parse it.
 *
 * @param data of the type's schema, as JSON
 * @throws BusError `not-numbered`, `event-too-large`
 */
export function draftOf(head: Pick<EventDraft, 'type' | 'id' | 'subject' | 'time'>, data: string): DraftText {
  const { type, id, subject, time } = head;
  if (!KINDS[type].numbered) {
    throw new BusError('not-numbered', `${type} is not numbered by its source: publish it instead`);
  }
  const text = `{"type":"${type}","id":"${id}","subject":${JSON.stringify(subject)},"time":"${time}","data":${data}}`;
  // A text has at most three bytes for each of its units, so most need not be measured.
  const bytes =
    text.length * 3 + ENVELOPE_BYTES <= MAX_EVENT_BYTES ? 0 : Buffer.byteLength(text) + ENVELOPE_BYTES;
  if (bytes > MAX_EVENT_BYTES) {
    throw new BusError(
      'event-too-large',
      `${type} of ${subject} takes ${bytes} bytes; consumers accept ${MAX_EVENT_BYTES}`,
    );
  }
  return text as DraftText;
}

/** @throws BusError as {@link draftOf} */
export function draftText(draft: EventDraft): DraftText {
  const { data, traceparent } = draft;
  // A trace goes behind the data: the type has to come first, and the order of the others means nothing.
  const json = JSON.stringify(data);
  return draftOf(
    draft,
    traceparent === undefined ? json : `${json},"traceparent":${JSON.stringify(traceparent)}`,
  );
}

const TYPE_FIRST = /^\{"type":"([a-z0-9.-]+)"/;
const MAX_TYPE_BYTES = 128;

/** The type of the draft that a text's bytes hold. */
export function typeOfDraft(draft: Buffer): EventDraft['type'] {
  const type = TYPE_FIRST.exec(draft.toString('latin1', 0, MAX_TYPE_BYTES))?.[1] ?? '';
  if (!isKnownType(type)) throw new RangeError('an outbox row without a draft of a known type');
  return type;
}

/** An event's text up to the number, for every event of a source. */
export function headOf(source: string): Buffer {
  return Buffer.from(
    `{"specversion":"1.0","source":${JSON.stringify(source)},"datacontenttype":"application/json","sequence":"`,
  );
}

const SEQUENCE_DIGITS = 19;
const BEHIND_SEQUENCE = '",';

/**
 * The final bytes of events, numbered from `first` on: head, number, and the draft behind its first brace. They lie in
 * one buffer, each behind `room` bytes that are free.
 */
export function numberedBytes(
  head: Buffer,
  first: number,
  drafts: readonly { readonly draft: Buffer }[],
  room: number,
): Buffer[] {
  const added = room + head.length + SEQUENCE_DIGITS + BEHIND_SEQUENCE.length - 1;
  const whole = Buffer.allocUnsafe(drafts.reduce((sum, { draft }) => sum + added + draft.length, 0));
  let at = 0;
  return drafts.map(({ draft }, index) => {
    const start = at;
    at += room;
    at += head.copy(whole, at);
    at += whole.write(`${formatSequence(first + index)}${BEHIND_SEQUENCE}`, at, 'latin1');
    at += draft.copy(whole, at, 1);
    return whole.subarray(start, at);
  });
}
