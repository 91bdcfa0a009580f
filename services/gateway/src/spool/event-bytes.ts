const SUBJECT = Buffer.from('"subject":"');
const QUOTE = 0x22;

/**
 * The `subject` of an event without parsing it, for our own events alone: they are written without white space, and
 * within JSON no string holds an unescaped quote, so a member's name in quotes with its colon is that member.
 * Subjects of ours (ids and source names) need no unescaping. Null where there is none.
 */
export function subjectOf(event: Buffer): string | null {
  const found = event.indexOf(SUBJECT);
  if (found < 0) return null;
  const start = found + SUBJECT.length;
  const end = event.indexOf(QUOTE, start);
  return end < 0 ? null : event.toString('latin1', start, end);
}

const FINAL = Buffer.from('"final":true');
const REQUEST_PHASE = Buffer.from('"phase":"request"');
const ALLOWED = Buffer.from('"outcome":"allowed"');

/** Whether a usage event is the final one of its request; on the same grounds as `subjectOf`. */
export function isFinalUsage(event: Buffer): boolean {
  return event.includes(FINAL);
}

/** What a decision event means for its request; null for one about the output. */
export function decisionOf(event: Buffer): 'allowed' | 'refused' | null {
  if (!event.includes(REQUEST_PHASE)) return null;
  return event.includes(ALLOWED) ? 'allowed' : 'refused';
}
