/**
 * Tokens here are whitespace-separated words, so that a test knows every count without a tokenizer, and so that
 * no estimator which counts characters or bytes is ever right by accident.
 */

const SPACE = 0x20;
const TAB = 0x09;
const CARRIAGE_RETURN = 0x0d;
const FIRST_WIDE_SPACE = 0xa0;

/** The white space beyond ASCII that JavaScript's `\s` knows. */
function isWideSpace(code: number): boolean {
  return (
    code === FIRST_WIDE_SPACE ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000 ||
    code === 0xfeff
  );
}

/** Number of whitespace-separated words, as `text.split(/\s+/)` without its empty members, in one pass and no allocation. */
export function countWords(text: string): number {
  let words = 0;
  let inWord = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    const space =
      code <= SPACE
        ? code === SPACE || (code >= TAB && code <= CARRIAGE_RETURN)
        : code >= FIRST_WIDE_SPACE && isWideSpace(code);
    if (space) inWord = false;
    else if (!inWord) {
      inWord = true;
      words += 1;
    }
  }
  return words;
}

/** Plain lower-case words: nothing in them needs escaping in JSON, and each UTF-16 unit is one byte. */
const VOCABULARY = (
  'every call leaves one line in the book and the book adds up to what was spent by each team this month ' +
  'while a gate keeps watch so that nobody can alter the record unseen or send more than was agreed before'
).split(' ');

const CYCLE = `${VOCABULARY.join(' ')} `;
const WORD_START = wordStarts(VOCABULARY);

function wordStarts(words: readonly string[]): Uint32Array {
  const starts = new Uint32Array(words.length);
  let start = 0;
  for (const [index, word] of words.entries()) {
    starts[index] = start;
    start += word.length + 1;
  }
  return starts;
}

let generated = CYCLE.repeat(64);

function startOfWord(index: number): number {
  const cycles = Math.floor(index / VOCABULARY.length);
  return cycles * CYCLE.length + (WORD_START[index % VOCABULARY.length] ?? 0);
}

/**
 * Words `from` (inclusive) to `to` (exclusive) of the one text that every answer starts, with the space that
 * separates them from the word before; joined slices are the same text as one slice. Safe inside a JSON string.
 * Costs a slice of a string that is kept; the string grows to the longest answer asked for (about 5 bytes a word).
 */
export function generatedWords(from: number, to: number): string {
  if (to <= from) return '';
  const end = startOfWord(to) - 1;
  while (generated.length < end) generated += generated;
  return generated.slice(from === 0 ? 0 : startOfWord(from) - 1, end);
}
