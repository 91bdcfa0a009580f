import { type EventDraft, formatSequence, isKnownType, KINDS, MAX_EVENT_BYTES } from '@tollgate/events';
import { BusError } from '../errors.ts';

/** What the envelope adds to a draft: source, sequence, and the fixed members. */
export const ENVELOPE_BYTES = 512;

/**
 * A draft as the outbox keeps it: the event's JSON, but for the members that numbering adds in front. Its type comes
 * first, so that the relay need not parse it.
 *
 * @throws BusError `not-numbered`, `event-too-large`
 */
export function draftText({ type, id, subject, time, traceparent, data }: EventDraft): string {
  if (!KINDS[type].numbered) {
    throw new BusError('not-numbered', `${type} is not numbered by its source: publish it instead`);
  }
  const text = JSON.stringify({ type, id, subject, time, data, traceparent });
  const bytes = Buffer.byteLength(text) + ENVELOPE_BYTES;
  if (bytes > MAX_EVENT_BYTES) {
    throw new BusError(
      'event-too-large',
      `${type} of ${subject} takes ${bytes} bytes; consumers accept ${MAX_EVENT_BYTES}`,
    );
  }
  return text;
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
