/**
 * Makes the lists that `pack-names.ts` packs and `train-names.ts` draws from: given and family names from the locale data of
 * @faker-js/faker of npm (MIT), the locales below; from the most frequent names of the census of the USA, as `names` of PyPI has
 * them (MIT); from what `locale-names.py` writes; and from `names.txt`, written for this. Ordinary words are those of the texts
 * that `README.md` lists:
 *
 *     node make-names.ts …/@faker-js/faker/dist/index.js …/names locale-names.json FOLDER > names.json
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { allSamples } from '../../../prompt-injection/training/corpora.ts';

const LOCALES = [
  'en_NP',
  'fr_SN',
  'cy',
  'ku_kmr_latin',
  'zu_ZA',
  'yo_NG',
  'vi',
  'uz_UZ_latin',
  'sr_RS_latin',
  'sl_SI',
  'sk',
  'ro_MD',
  'nl_BE',
  'lv',
  'fr_BE',
  'eo',
  'en_US',
  'en_IE',
  'en_HK',
  'en_GB',
  'en_CA',
  'de_CH',
  'de_AT',
  'az',
  'af_ZA',
  'en',
  'en_AU',
  'en_GH',
  'en_IN',
  'en_NG',
  'en_ZA',
  'cs_CZ',
  'da',
  'de',
  'es',
  'es_MX',
  'fi',
  'fr',
  'fr_CH',
  'hr',
  'hu',
  'id_ID',
  'it',
  'nb_NO',
  'nl',
  'pl',
  'pt_BR',
  'pt_PT',
  'ro',
  'ru',
  'sv',
  'tr',
  'uk',
];

const lists = z
  .object({ generic: z.array(z.string()), female: z.array(z.string()), male: z.array(z.string()) })
  .partial();
/** Some are lists of other things, which are left out. */
const places = z.array(z.unknown()).transform((all) => all.filter((each) => typeof each === 'string'));
const faker = z.object({
  allLocales: z.record(
    z.string(),
    z.object({
      person: z.object({ first_name: lists, last_name: lists }).partial().optional(),
      location: z
        .object({ city_name: places, country: places, state: places.or(z.null()) })
        .partial()
        .optional(),
    }),
  ),
});

/** Of the census, the most frequent ones: further down they are words of other kinds as often as names. */
const MOST_FAMILY_NAMES = 15_000;
const MOST_GIVEN_NAMES = 5_000;

/** Words in the scripts that have capitals. */
const WRITTEN = /^[A-Za-z\u00c0-\u052f\u1e00-\u1eff][A-Za-z\u00c0-\u052f\u1e00-\u1eff'’-]{1,23}$/;

/** A word of no list of names is an ordinary one if so many texts have it; */
const LEAST_TEXTS = 4;
/** one that is a name as well, if so many texts have it with a small letter, and that so many times as often as with a capital. */
const LEAST_TEXTS_SMALL = 6;
const SMALL_TO_CAPITAL = 1.5;

const [entry = '', census = '', others = '', folder = ''] = process.argv.slice(2);
const { allLocales } = faker.parse(await import(pathToFileURL(entry).href));
const given = new Set<string>();
const family = new Set<string>();
const placeNames = new Set<string>();
for (const locale of LOCALES) {
  const person = allLocales[locale]?.person;
  for (const name of all(person?.first_name)) given.add(name);
  for (const name of all(person?.last_name)) family.add(name);
  const { city_name: cities = [], country = [], state } = allLocales[locale]?.location ?? {};
  for (const place of [...cities, ...country, ...(state ?? [])]) placeNames.add(place);
}
for (const name of ranked('dist.all.last', MOST_FAMILY_NAMES)) family.add(name);
for (const name of ranked('dist.female.first', MOST_GIVEN_NAMES)) given.add(name);
for (const name of ranked('dist.male.first', MOST_GIVEN_NAMES)) given.add(name);
const [ownGiven = '', ownFamily = ''] = readFileSync(new URL('names.txt', import.meta.url), 'utf8').split(
  '\n\n',
);
for (const name of ownGiven.trim().split(/\s+/)) given.add(name);
for (const name of ownFamily.trim().split(/\s+/)) family.add(name);
const words = z.array(z.string());
const python = z
  .object({ given: words, family: words, words })
  .parse(JSON.parse(readFileSync(others, 'utf8')));
for (const name of python.given) given.add(name);
for (const name of python.family) family.add(name);
const source =
  'the locale data of @faker-js/faker 10.6.0 (MIT, copyright 2022-2025 Faker) and Faker 40.54.0 of PyPI (MIT); the census of the USA by names 0.3.0 (MIT, Trey Hunner); popular-names-by-country-dataset (CC0); own; ordinary words: those of the texts that training/README.md lists';
const names = {
  source,
  given: joined(given),
  family: joined(family),
  ordinary: ordinaryWords().sort().join(' '),
  places: [...placeNames].filter((place) => /^[A-Z\u00c0-\u052f\u1e00-\u1eff]/.test(place)).sort(),
};
process.stdout.write(`${JSON.stringify(names, null, 2)}\n`);

/** Words that texts of many kinds have, and that are names less often than not. */
function ordinaryWords(): string[] {
  const isName = new Set([...joined(given).split(' '), ...joined(family).split(' ')]);
  const small = new Map<string, number>();
  const capital = new Map<string, number>();
  for (const { text, heldOut, isInjection } of allSamples(folder)) {
    if (heldOut || isInjection) continue;
    for (const word of new Set(text.match(/\p{L}[\p{L}'’-]*\p{L}/gu) ?? [])) {
      const lower = word.toLowerCase();
      const counts = lower === word ? small : capital;
      counts.set(lower, (counts.get(lower) ?? 0) + 1);
    }
  }
  const ordinary = new Set(python.words.filter((word) => WRITTEN.test(word) && !isName.has(word)));
  for (const word of new Set([...small.keys(), ...capital.keys()])) {
    const [often, asName] = [small.get(word) ?? 0, capital.get(word) ?? 0];
    const isOrdinary = isName.has(word)
      ? often >= LEAST_TEXTS_SMALL && often >= asName * SMALL_TO_CAPITAL
      : often + asName >= LEAST_TEXTS;
    if (isOrdinary && WRITTEN.test(word)) ordinary.add(word);
  }
  return [...ordinary];
}

/** The first lines of a file of the census: the name, and how frequent it is. */
function ranked(file: string, most: number): string[] {
  const lines = readFileSync(join(census, file), 'utf8').split('\n').slice(0, most);
  return lines.map((line) => line.split(' ')[0] ?? '');
}

function all(names: z.infer<typeof lists> | undefined): string[] {
  return [...(names?.generic ?? []), ...(names?.female ?? []), ...(names?.male ?? [])];
}

/** Single words of at least two letters, in lower case, in order. */
function joined(names: ReadonlySet<string>): string {
  const words = [...names].filter((name) => WRITTEN.test(name));
  return [...new Set(words.map((name) => name.toLowerCase()))].sort().join(' ');
}
