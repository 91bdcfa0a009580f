import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { allSamples } from '../../../prompt-injection/training/corpora.ts';
import type { Span } from '../../../texts/redactions.ts';
import { CapitalisedWords } from '../capitalised-words.ts';
import { findNamesByRules } from '../person-name.ts';
import { type NameLists, picked, renamed, titled } from './renamed.ts';

/** A text, and where names of people stand in it. */
export interface NamedText {
  readonly text: string;
  readonly names: readonly (readonly [start: number, end: number])[];
  /** Whether all of them are known. */
  readonly isWhole: boolean;
  readonly source: string;
}

/** Collections of sentences in which people marked the names, in the columns of CoNLL. */
const MARKED = {
  wikigold: ['wikigold/CONLL-format/data/wikigold.conll.txt'],
  btc: ['a', 'b', 'e', 'f', 'g', 'h'].map((part) => `BTC/CONLL-format/data/${part}.conll`),
  wnut17: [
    'WNUT17/CONLL-format/data/train/wnut17train.conll',
    'WNUT17/CONLL-format/data/dev/emerging.dev.conll',
    'WNUT17/CONLL-format/data/test/emerging.test.annotated',
  ],
} as const;

/** How often a real text, and a sentence written for this, are filled with names. */
const REAL_TURNS = 2;
const SENTENCE_TURNS = 40;

const MOST_NAMESAKES = 900;
const NAMESAKES = [
  'F Ltd',
  'F Inc',
  'F GmbH',
  'F Group',
  'F & Sons',
  'F and Sons',
  'F, F and F',
  'F Street',
  'F Avenue',
  'F University',
  'F Foundation',
  'Lake G',
  'Port G',
  'North G',
  'New G',
  'Fort F',
  'Mount F',
];

/** Everything the model is made from. */
export function* namedTexts(names: string, folder: string): Generator<NamedText> {
  const words = z
    .object({ given: z.string(), family: z.string(), places: z.array(z.string()) })
    .parse(JSON.parse(readFileSync(names, 'utf8')));
  const [given, family] = [words.given.split(' '), words.family.split(' ')];
  const known = lines('places.txt');
  const lists: NameLists = {
    given,
    family,
    noPeople: [...known, ...known, ...words.places, ...namesakes(given, family)],
  };
  for (const [source, files] of Object.entries(MARKED))
    for (const file of files) yield* marked(source, readFileSync(join(folder, 'marked', file), 'utf8'));
  for (const line of lines('sentences.txt')) {
    const written = line.replaceAll('\\n', '\n');
    const places = [...written.matchAll(/[@#*%]/g)].map(({ index, 0: kind }) => ({
      start: index,
      end: index + 1,
      kind,
    }));
    for (let turn = 0; turn < (places.length === 0 ? 4 : SENTENCE_TURNS); turn += 1)
      yield { ...renamed(written, places, turn, lists), isWhole: true, source: 'own' };
  }
  const table = new CapitalisedWords();
  for (const { text, heldOut, isInjection } of allSamples(folder)) {
    if (heldOut || isInjection) continue;
    const found: Span[] = [];
    table.read(text);
    findNamesByRules(text, table, found);
    const places = found.map(({ start, end }) => ({
      start,
      end,
      kind: text.slice(start, end).includes(' ') ? '@' : '*',
    }));
    const turns = places.length === 0 ? 1 : REAL_TURNS;
    for (let turn = 0; turn < turns; turn += 1)
      yield { ...renamed(text, places, turn, lists), isWhole: false, source: 'documents' };
  }
}

/** Sentences with a token and its tag on each line; tokens are put together as they are written. */
function* marked(source: string, columns: string): Generator<NamedText> {
  for (const sentence of columns.split(/\r?\n\s*\r?\n/)) {
    let text = '';
    const names: [number, number][] = [];
    let isInside = false;
    for (const line of sentence.split(/\r?\n/)) {
      const [token = '', ...rest] = line.trim().split(/\s+/);
      const tag = rest.at(-1)?.toLowerCase();
      if (tag === undefined) continue;
      const isGlued = text === '' || /^(?:[.,;:!?)\]%’”]|n't|'\w+)/.test(token) || /[([“$#@‘]$/.test(text);
      const start = text.length + (isGlued ? 0 : 1);
      text += (isGlued ? '' : ' ') + token;
      const isName = tag.endsWith('per') || tag.endsWith('person');
      const last = names.at(-1);
      if (isName && isInside && last !== undefined && !tag.startsWith('b')) last[1] = text.length;
      else if (isName) names.push([start, text.length]);
      isInside = isName;
    }
    if (text !== '') yield { text, names, isWhole: true, source };
  }
}

/** Companies, places and streets that are named after people. */
function namesakes(given: readonly string[], family: readonly string[]): string[] {
  return Array.from({ length: MOST_NAMESAKES }, (_, turn) => {
    const form = picked(NAMESAKES, `form ${turn}`);
    return form.replace(/[GF]\b/g, (part, at: number) =>
      titled(picked(part === 'F' ? family : given, `${part} ${turn} ${at}`)),
    );
  });
}

function lines(name: string): string[] {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
    .trim()
    .split('\n');
}
