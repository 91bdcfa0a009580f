import { z } from 'zod';

/** The content type of every event on the bus (CloudEvents 1.0, structured JSON mode). */
export const CONTENT_TYPE = 'application/cloudevents+json';

/** CloudEvents compares `sequence` as text, so it is padded to the digits of the largest 64-bit number. */
export const SEQUENCE_DIGITS = 19;

/** The largest event that a consumer accepts; an entry of the transparency log holds at most 65,535 bytes. */
export const MAX_EVENT_BYTES = 65_535;

/** A UUID in its lower-case text form; ids that Tollgate mints are version 7. */
export const uuid = z.uuid();

/** An instant as RFC 3339 UTC text with milliseconds or finer, such as `2026-03-01T09:30:00.000Z`. */
export const instant = z.iso.datetime();

/** `/gateways/<instance>/<epoch>` or `/services/<name>/<epoch>`; the epoch is minted at each start of a spool. */
export const sourceName = z
  .string()
  .regex(/^\/(gateways|services)\/[A-Za-z0-9._-]{1,64}\/[A-Za-z0-9-]{1,64}$/);

/** The sequence as text: 19 digits, from 1. */
export const sequenceText = z.string().regex(/^\d{19}$/);

/** W3C Trace Context `traceparent`. */
const traceparent = z.string().regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);

/**
 * The members every event carries. `sequence` is absent only from the kinds that their source does not number
 * (see `NUMBERED` in kinds.ts). Unknown members are accepted and kept.
 */
export const envelope = z.looseObject({
  specversion: z.literal('1.0'),
  id: uuid,
  source: sourceName,
  type: z.string().min(1).max(128),
  subject: z.string().min(1).max(256),
  time: instant,
  datacontenttype: z.literal('application/json'),
  sequence: sequenceText.optional(),
  traceparent: traceparent.optional(),
  data: z.looseObject({}),
});

export type Envelope = z.infer<typeof envelope>;

/** `n` as the envelope writes it. @throws RangeError unless `n` is a positive safe integer. */
export function formatSequence(n: number): string {
  if (!Number.isSafeInteger(n) || n < 1) throw new RangeError(`a sequence is an integer from 1, not ${n}`);
  return String(n).padStart(SEQUENCE_DIGITS, '0');
}

/** The number in an envelope's `sequence`. */
export function parseSequence(text: string): number {
  return Number(text);
}
