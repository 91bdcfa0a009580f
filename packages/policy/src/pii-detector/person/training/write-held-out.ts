/**
 * Writes the texts that names of people are measured on, as JSON lines of `text` and `names` (their places), from the sentences of
 * `presidio-evaluator` 0.3.2 (MIT) with names of `mimesis` 22.2.0 (MIT) in them, both of PyPI and unpacked side by side:
 *
 *     node write-held-out.ts FOLDER > …/people.jsonl
 *
 * No rule and no list of the detector comes from either.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const LOCALES = [
  'cs',
  'da',
  'de',
  'en',
  'es',
  'et',
  'fi',
  'fr',
  'hr',
  'hu',
  'it',
  'nl',
  'no',
  'pl',
  'pt',
  'pt-br',
  'ru',
  'sk',
  'sv',
  'tr',
  'uk',
];
const SENTENCES = 'presidio_evaluator/presidio_evaluator/data_generator/raw_data/templates.txt';
const PEOPLE = 'mimesis/mimesis/datasets';

/** How often a sentence with a name is used, each time with another one. */
const TURNS = 3;

const strings = z.union([
  z.array(z.string()),
  z.record(z.string(), z.array(z.string())).transform((by) => Object.values(by).flat()),
]);
const person = z.object({ names: strings, surnames: strings });

/** What stands in the places that are no people. */
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  city: ['Lyon', 'San Diego', 'Leeds', 'Porto', 'Stuttgart', 'Des Moines', 'Santa Fe'],
  country: ['Portugal', 'South Korea', 'New Zealand', 'Georgia', 'Jordan', 'Chad'],
  nationality: ['Portuguese', 'Danish', 'Korean'],
  nation_man: ['Frenchman', 'Dutchman'],
  nation_woman: ['Frenchwoman', 'Dutchwoman'],
  nation_plural: ['the Danes', 'the Poles'],
  organization: [
    'Northwind Traders',
    'Globex Corporation',
    'Baker & Sons',
    'Stark Industries',
    'Alfa Romeo',
    'Morgan Stanley',
  ],
  job: ['Data engineer', 'Nurse', 'Head of Sales'],
  zipcode: ['90210', '8010'],
  address: ['12 Elm Street, Springfield', '4 Rue de la Paix, Paris', '77 Washington Avenue'],
  street_name: ['Victoria Road', 'Jefferson Avenue', 'Elm Street'],
  email: ['contact@shop.example'],
  phone_number: ['+1 201 555 0123'],
  credit_card_number: ['4111 1111 1111 1111'],
  iban: ['DE89370400440532013000'],
  ip_address: ['192.0.2.7'],
  url: ['https://shop.example/a'],
  domain_name: ['shop.example'],
  date_time: ['March 3rd', '2024-05-01'],
  date_of_birth: ['1 April 1980'],
  day_of_week: ['Monday'],
  month: ['April'],
  month_name: ['June'],
  year: ['1999'],
  time: ['10:30'],
  prefix: ['Dr.'],
  prefix_male: ['Mr.'],
  prefix_female: ['Mrs.'],
  us_driver_license: ['D1234567'],
  age: ['44'],
  ssn: ['536-90-4399'],
};

const [folder = ''] = process.argv.slice(2);
const people = LOCALES.map((locale) =>
  person.parse(JSON.parse(readFileSync(join(folder, PEOPLE, locale, 'person.json'), 'utf8'))),
);
for (const sentence of readFileSync(join(folder, SENTENCES), 'utf8').split(/\r?\n/)) {
  if (sentence.trim() === '' || sentence.includes('\ufffd')) continue;
  const turns = /\{\{(?:person|name|first_name|last_name)/.test(sentence) ? TURNS : 1;
  for (let turn = 0; turn < turns; turn += 1) {
    const line = filled(sentence, turn);
    if (line !== null) process.stdout.write(`${JSON.stringify(line)}\n`);
  }
}

/** A sentence with its places filled; null where one of them is unknown. */
function filled(sentence: string, turn: number): { text: string; names: [number, number][] } | null {
  const names: [number, number][] = [];
  let text = '';
  let done = 0;
  for (const { index, 0: place, 1: kind = '' } of sentence.matchAll(/\{\{\s*(\w+)\s*\}\}/g)) {
    text += sentence.slice(done, index);
    const seed = `${turn} ${index} ${sentence}`;
    const name = nameOf(kind, seed);
    const other = OTHERS[kind];
    if (name !== null) names.push([text.length, text.length + name.length]);
    else if (other === undefined) return null;
    text += name ?? chosen(other ?? [], seed);
    done = index + place.length;
  }
  return { text: text + sentence.slice(done), names };
}

function nameOf(kind: string, seed: string): string | null {
  const { names, surnames } = chosen(people, seed);
  const given = chosen(names, `${seed} given`);
  const family = chosen(surnames, `${seed} family`);
  if (kind === 'person' || kind === 'name' || kind === 'name_male' || kind === 'name_female')
    return `${given} ${family}`;
  if (kind.startsWith('first_name')) return given;
  return kind.startsWith('last_name') ? family : null;
}

function chosen<T>(all: readonly T[], seed: string): T {
  const one = all[createHash('sha256').update(seed).digest().readUInt32BE() % all.length];
  if (one === undefined) throw new RangeError('nothing to choose from');
  return one;
}
