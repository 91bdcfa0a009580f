import type { AnswerTexts } from './answer-texts.ts';

/** Deeper answers are not read to their end, and don't go out. */
const MAX_DEPTH = 64;

/** Members that identify or classify, and hold nothing that a model said. */
const NO_TEXTS: ReadonlySet<string> = new Set([
  'call_id',
  'created_at',
  'finish_reason',
  'id',
  'item_id',
  'model',
  'object',
  'role',
  'service_tier',
  'status',
  'system_fingerprint',
  'type',
]);

/**
 * Guards every string within, for answers whose layout is nobody's but their authors'. Whether any changed.
 *
 * @throws RangeError where they are nested too deeply
 */
export function rewriteStrings(holder: object, texts: AnswerTexts<unknown>, depth = 0): boolean {
  if (depth > MAX_DEPTH) throw new RangeError('nested too deeply');
  let changed = false;
  for (const [key, value] of Object.entries(holder)) {
    if (typeof value === 'string') {
      if (NO_TEXTS.has(key)) continue;
      const passed = texts.whole('prose', value);
      if (passed === value) continue;
      Reflect.set(holder, key, passed);
      changed = true;
    } else if (typeof value === 'object' && value !== null && rewriteStrings(value, texts, depth + 1)) {
      changed = true;
    }
  }
  return changed;
}
