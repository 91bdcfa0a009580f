import { isKnownType, KINDS, type Parsed, parseEnvelope, parseSequence } from '@tollgate/events';

import { type EventFacts, factsOfJson } from '../indexing/event-facts.ts';
import { ownerOf } from '../indexing/event-owner.ts';

/** What the inbox keeps of an event beside its exact bytes: enough to place and index it without reading it again. */
export interface InboxEvent {
  readonly id: string;
  readonly source: string;
  /** Null for kinds that their source does not number: they never enter the log. */
  readonly sequence: number | null;
  readonly type: string;
  readonly subject: string;
  readonly organisationId: string | null;
  readonly teamId: string | null;
  /** Epoch milliseconds. */
  readonly timeMs: number;
  /** What the index keeps of it, where that was asked for. */
  readonly facts: EventFacts | null;
}

const NUL = '\u0000';

/**
 * Reads an event's envelope, and of its data only whose it is. Events of every version are taken, known or not.
 * Malformed is what could never be placed in the log: unnumbered where its kind is numbered, or texts that
 * Postgres can't hold.
 *
 * @param withFacts read it for the index too, while it is in hand
 */
export function parseInboxEvent(bytes: Uint8Array, withFacts = false): Parsed<InboxEvent> {
  const parsed = parseEnvelope(bytes);
  if (parsed.kind !== 'event') return parsed;
  const { event } = parsed;
  const unnumbered = isKnownType(event.type) && !KINDS[event.type].numbered;
  const sequence = unnumbered || event.sequence === undefined ? null : parseSequence(event.sequence);
  if (sequence === null ? !unnumbered : !(sequence >= 1 && Number.isSafeInteger(sequence))) {
    return {
      kind: 'malformed',
      error: sequence === null ? 'sequence: missing' : 'sequence: from 1 to 2^53 - 1',
    };
  }
  const timeMs = Date.parse(event.time);
  if (Number.isNaN(timeMs)) return { kind: 'malformed', error: 'time: no instant' };
  if (event.type.includes(NUL) || event.subject.includes(NUL)) {
    return { kind: 'malformed', error: 'type, subject: must not hold U+0000' };
  }
  const { id, source, type, subject } = event;
  const { organisationId, teamId } = ownerOf(event.data);
  const facts = withFacts ? factsOfJson(event) : null;
  return {
    kind: 'event',
    event: { id, source, sequence, type, subject, timeMs, organisationId, teamId, facts },
  };
}
