import type { AnswerTexts, PlacedText } from './answer-texts.ts';

/** Deeper answers are not read to their end, and don't go out. */
const MAX_DEPTH = 64;

/** Members that identify or classify, or that whoever wrote them compares literally: nothing that a model said in words. */
const NO_TEXTS: ReadonlySet<string> = new Set([
  'b64_json',
  'call_id',
  'created_at',
  'data',
  'encrypted_content',
  'finish_reason',
  'id',
  'item_id',
  'model',
  'name',
  'object',
  'obfuscation',
  'partial_image_b64',
  'role',
  'service_tier',
  'signature',
  'status',
  'system_fingerprint',
  'type',
]);

const NO_EXEMPTIONS: ReadonlySet<string> = new Set();

const NONE_PLACED: readonly PlacedText[] = [];

/**
 * Guards the texts of a part of an answer that are known, and every other string in it by itself: providers add members of their
 * own, and nothing may go out unseen. Whether any changed.
 *
 * @throws RangeError where it is nested too deeply
 */
export function rewriteTexts(
  root: object,
  placed: readonly PlacedText[],
  texts: AnswerTexts<unknown>,
): boolean {
  let changed = false;
  for (const { holder, key, kind } of placed) {
    const value = holder[key];
    if (typeof value !== 'string') continue;
    const passed = texts.whole(kind, value);
    if (passed === value) continue;
    holder[key] = passed;
    changed = true;
  }
  return rewriteOthers(root, placed, texts) || changed;
}

/** The same of all strings but those that are placed. */
export function rewriteOthers(
  holder: object,
  placed: readonly PlacedText[],
  texts: AnswerTexts<unknown>,
  exempt = NO_TEXTS,
  depth = 0,
): boolean {
  if (depth > MAX_DEPTH) throw new RangeError('nested too deeply');
  let changed = false;
  for (const key in holder) {
    const value: unknown = Reflect.get(holder, key);
    if (typeof value === 'object' && value !== null) {
      if (rewriteOthers(value, placed, texts, exempt, depth + 1)) changed = true;
    } else if (typeof value === 'string' && !exempt.has(key) && !isPlaced(placed, holder, key)) {
      const passed = texts.whole('prose', value);
      if (passed === value) continue;
      Reflect.set(holder, key, passed);
      changed = true;
    }
  }
  return changed;
}

/** The same of events of no known layout. */
export function rewriteStrings(root: object, texts: AnswerTexts<unknown>): boolean {
  return rewriteOthers(root, NONE_PLACED, texts);
}

/** The same of every string whatever its member is called, for answers whose layout is their authors' own. */
export function rewriteEverything(root: object, texts: AnswerTexts<unknown>): boolean {
  return rewriteOthers(root, NONE_PLACED, texts, NO_EXEMPTIONS);
}

function isPlaced(placed: readonly PlacedText[], holder: object, key: string): boolean {
  for (const text of placed) if (text.holder === holder && text.key === key) return true;
  return false;
}
