import { isRecord } from '../metering/reported-usage.ts';
import type { AnswerTexts, PlacedText, TextKind } from './answer-texts.ts';
import { rewriteTexts } from './any-texts.ts';
import { withoutLogprobs } from './logprobs.ts';

/** Members of output items that are JSON; all others are prose. */
const JSON_MEMBERS: readonly string[] = ['arguments'];
const PARTS: readonly string[] = ['content', 'summary'];

/**
 * Guards what a response answers: `output`, and what some add of it. What it repeats of the request (`instructions`, `tools`) is the
 * caller's own. Whether anything changed.
 */
export function rewriteResponse(response: Record<string, unknown>, texts: AnswerTexts<unknown>): boolean {
  const { output } = response;
  const whole: PlacedText = { holder: response, key: 'output_text', kind: 'content' };
  let changed = rewriteTexts(NOTHING, [whole], texts);
  if (!Array.isArray(output)) return changed;
  for (const item of output) if (isRecord(item) && rewriteItem(item, texts)) changed = true;
  return changed;
}

const NOTHING = {};

/** The same of one item of `output`: a message, a call of a tool, the reasoning. */
export function rewriteItem(item: Record<string, unknown>, texts: AnswerTexts<unknown>): boolean {
  let changed = false;
  const placed: PlacedText[] = JSON_MEMBERS.map((key) => ({ holder: item, key, kind: 'json' }));
  for (const key of PARTS) {
    const parts = item[key];
    if (!Array.isArray(parts)) continue;
    for (const part of parts.filter(isRecord)) {
      if (withoutLogprobs(part, texts.guard)) changed = true;
      placed.push({ holder: part, key: 'text', kind: kindOf(part) });
    }
  }
  return rewriteTexts(item, placed, texts) || changed;
}

/** The same of one part of an item's content or summary. */
export function rewritePart(part: Record<string, unknown>, texts: AnswerTexts<unknown>): boolean {
  const changed = withoutLogprobs(part, texts.guard);
  return rewriteTexts(part, [{ holder: part, key: 'text', kind: kindOf(part) }], texts) || changed;
}

function kindOf({ type }: Record<string, unknown>): TextKind {
  return type === 'output_text' ? 'content' : 'prose';
}
