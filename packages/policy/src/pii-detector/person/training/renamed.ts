import { createHash } from 'node:crypto';

/** Where in a text a name stands, and what is to stand there. */
export interface Place {
  readonly start: number;
  readonly end: number;
  /** `@`: a whole name; `*`: a given one; `#`: that of a family; `%`: no name of a person. */
  readonly kind: string;
}

/** What names are made from. */
export interface NameLists {
  readonly given: readonly string[];
  readonly family: readonly string[];
  readonly noPeople: readonly string[];
}

export interface Renamed {
  readonly text: string;
  readonly names: readonly (readonly [start: number, end: number])[];
}

/** How whole names are written, and how often of a hundred. */
const FORMS: readonly (readonly [share: number, form: string])[] = [
  [66, 'G F'],
  [5, 'G I. F'],
  [4, 'I. F'],
  [4, 'G-G F'],
  [4, 'G F-F'],
  [4, 'G G F'],
  [4, 'G F F'],
  [3, 'G P F'],
  [3, 'F, G'],
  [3, 'F G'],
];
const PARTICLES = ['van der', 'de la', 'van', 'von', 'de', 'da', 'dos', 'di', 'al', 'bin', 'ten', 'le'];
/** Of a hundred, so many are written in capitals. */
const SHARE_OF_CAPITALS = 0.03;

/** The text with other names in its places. */
export function renamed(text: string, places: readonly Place[], turn: number, lists: NameLists): Renamed {
  let result = '';
  let done = 0;
  const names: [number, number][] = [];
  for (const { start, end, kind } of places) {
    const seed = `${turn} ${start} ${text.slice(0, 200)}`;
    result += text.slice(done, start);
    done = end;
    if (kind === '%') {
      result += picked(lists.noPeople, seed);
      continue;
    }
    const plain = nameOf(kind, seed, lists);
    const name = chanceOf(`${seed} capitals`) < SHARE_OF_CAPITALS ? plain.toUpperCase() : plain;
    names.push([result.length, result.length + name.length]);
    result += name;
  }
  return { text: result + text.slice(done), names };
}

function nameOf(kind: string, seed: string, lists: NameLists): string {
  if (kind === '*') return titled(picked(lists.given, seed));
  if (kind === '#') return titled(picked(lists.family, seed));
  return formOf(chanceOf(`${seed} form`) * 100).replace(/[GFIP]/g, (part, at: number) => {
    const own = `${seed} ${at}`;
    if (part === 'P') return picked(PARTICLES, own);
    const name = titled(picked(part === 'F' ? lists.family : lists.given, own));
    return part === 'I' ? name.slice(0, 1) : name;
  });
}

function formOf(percent: number): string {
  let upTo = 0;
  for (const [share, form] of FORMS) {
    upTo += share;
    if (percent < upTo) return form;
  }
  return 'G F';
}

export function titled(name: string): string {
  return name.replace(
    /(^|[-' ])(\p{L})/gu,
    (_, before: string, letter: string) => before + letter.toUpperCase(),
  );
}

export function picked(all: readonly string[], seed: string): string {
  return all[hash(seed) % all.length] ?? '';
}

/** From 0 to below 1, the same for the same text. */
export function chanceOf(seed: string): number {
  return hash(seed) / 2 ** 32;
}

function hash(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE();
}
