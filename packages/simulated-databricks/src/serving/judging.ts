import type { JsonObject } from './json-object.ts';
import { isObject } from './json-object.ts';

/** What a text says to be judged unsafe: `simulated-unsafe-violence` is flagged for `violence`. */
const MARK = /simulated-unsafe-([A-Za-z0-9-]{1,32})/g;

const CATEGORIES = ['hate', 'violence', 'self-harm', 'sexual'] as const;
const FLAGGED_SCORE = 0.97;
const OTHER_SCORE = 0.01;

/** The members of a moderation endpoint's answer, one result for each text. */
export function moderationResults(body: JsonObject): readonly object[] {
  const { input } = body as { input?: unknown };
  const texts = Array.isArray(input) ? input : [input];
  return texts.map((text) => {
    const marks = marksOf(typeof text === 'string' ? text : '');
    const names = [...new Set<string>([...CATEGORIES, ...marks])];
    return {
      flagged: marks.size > 0,
      categories: Object.fromEntries(names.map((name) => [name, marks.has(name)])),
      category_scores: Object.fromEntries(
        names.map((name) => [name, marks.has(name) ? FLAGGED_SCORE : OTHER_SCORE]),
      ),
    };
  });
}

/** What a guard model says of a conversation: `safe`, or `unsafe` and its categories. */
export function guardWords(body: JsonObject): string {
  const marks = marksOf(contents(body['messages']).join('\n'));
  return marks.size === 0 ? 'safe' : `unsafe\n${[...marks].join(',')}`;
}

function contents(messages: unknown): string[] {
  if (!Array.isArray(messages)) return [];
  return messages.flatMap((message) => {
    const content = isObject(message) ? message['content'] : undefined;
    return typeof content === 'string' ? [content] : [];
  });
}

function marksOf(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(MARK)].flatMap(([, name]) => (name === undefined ? [] : [name])));
}
