import type { Span } from '../texts/redactions.ts';
import { withoutOverlaps } from '../texts/redactions.ts';

/** The longest match that is looked for in an answer, in UTF-16 units: 4 KiB of a text in ASCII. */
export const MAX_MATCH_CHARS = 4 * 1024;

/** The earliest place of a text that must not be passed on yet, so that no span is cut. */
export function releasable(spans: readonly Span[], upTo: number): number {
  let place = upTo;
  for (let index = spans.length - 1; index >= 0; index -= 1) {
    const span = spans[index];
    if (span !== undefined && span.start < place && span.end > place) place = span.start;
  }
  return place;
}

/** The pieces of a text between spans, and what stands in place of each, in order. */
export function rewritten(
  text: string,
  offset: number,
  spans: readonly Span[],
  placeholder: (label: string, value: string) => string,
): string {
  let result = '';
  let done = 0;
  for (const { start, end, label } of withoutOverlaps(spans)) {
    result += text.slice(done, start - offset) + placeholder(label, text.slice(start - offset, end - offset));
    done = end - offset;
  }
  return result + text.slice(done);
}
