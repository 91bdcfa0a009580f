import { files, hash, readText, type Sample } from './reading.ts';

const TEXTS = new URL('../texts/', import.meta.url).pathname;

/** Of `{one|other}` in a line each time another one is taken, so often. */
const MOST_OF_ONE_LINE = 12;

/** Written for this model, a line each. */
export function ownTexts(): Sample[] {
  const read = (name: string, isInjection: boolean): Sample[] =>
    files(TEXTS, `${name}*.txt`)
      .flatMap((file) => readText(file).trim().split('\n'))
      .flatMap((line) =>
        line.includes('{') && line.includes('|')
          ? Array.from({ length: MOST_OF_ONE_LINE }, (_, turn) => varied(line, turn))
          : [line],
      )
      .map((text) => ({ text, isInjection, source: 'own', heldOut: false }));
  return [...read('attacks', true), ...read('harmless', false)];
}

function varied(line: string, turn: number): string {
  return line.replace(/\{([^{}]*\|[^{}]*)\}/g, (_, alternatives: string, at: number) => {
    const all = alternatives.split('|');
    return all[hash(`${turn} ${at} ${line}`) % all.length] ?? '';
  });
}
