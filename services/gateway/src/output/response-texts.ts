import { isRecord } from '../metering/reported-usage.ts';
import type { AnswerTexts } from './answer-texts.ts';
import { withoutLogprobs } from './chat-events.ts';

/** Members of output items that are texts, or JSON, and those that hold parts with texts. */
const ITEM_TEXTS: ReadonlyMap<string, 'prose' | 'json'> = new Map([
  ['arguments', 'json'],
  ['input', 'prose'],
  ['output', 'prose'],
  ['code', 'prose'],
]);
const PARTS: readonly string[] = ['content', 'summary'];

/** Puts in place of the texts of a response (`output` and what is in it) what may go out. Whether any changed. */
export function rewriteResponse(response: Record<string, unknown>, texts: AnswerTexts<unknown>): boolean {
  const { output } = response;
  let changed = rewriteWhole(response, 'output_text', 'content', texts);
  if (!Array.isArray(output)) return changed;
  for (const item of output) if (isRecord(item) && rewriteItem(item, texts)) changed = true;
  return changed;
}

/** The same of one item of `output`: a message, a call of a tool, the reasoning. */
export function rewriteItem(item: Record<string, unknown>, texts: AnswerTexts<unknown>): boolean {
  let changed = false;
  for (const [key, kind] of ITEM_TEXTS) if (rewriteWhole(item, key, kind, texts)) changed = true;
  for (const key of PARTS) {
    const parts = item[key];
    if (!Array.isArray(parts)) continue;
    for (const part of parts) if (isRecord(part) && rewritePart(part, texts)) changed = true;
  }
  return changed;
}

/** The same of one part of an item's content or summary. */
export function rewritePart(part: Record<string, unknown>, texts: AnswerTexts<unknown>): boolean {
  const kind = part['type'] === 'output_text' ? 'content' : 'prose';
  let changed = withoutLogprobs(part, texts.guard);
  for (const key of ['text', 'refusal', 'transcript']) {
    if (rewriteWhole(part, key, kind, texts)) changed = true;
  }
  return changed;
}

/** The same of one member that holds a whole text. */
export function rewriteWhole(
  holder: Record<string, unknown>,
  key: string,
  kind: 'prose' | 'content' | 'json',
  texts: AnswerTexts<unknown>,
): boolean {
  const value = holder[key];
  if (typeof value !== 'string' || value === '') return false;
  const passed = texts.whole(kind, value);
  holder[key] = passed;
  return passed !== value;
}
