/**
 * Makes names.json from the locale data of @faker-js/faker of npm (MIT), the given and family names of the locales below as they
 * are written there; from the most frequent names of the census of the USA, as `names` of PyPI has them (MIT); and from
 * `names.txt`, written for this. Both packages lie unpacked somewhere:
 *
 *     node make-names.ts …/@faker-js/faker/dist/index.js …/names > ../names.json
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';

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
const faker = z.object({
  allLocales: z.record(
    z.string(),
    z.object({ person: z.object({ first_name: lists, last_name: lists }).partial().optional() }),
  ),
});

/** Of the census, the most frequent ones: further down they are words of other kinds as often as names. */
const MOST_FAMILY_NAMES = 6_000;
const MOST_GIVEN_NAMES = 2_000;

const [entry = '', census = ''] = process.argv.slice(2);
const { allLocales } = faker.parse(await import(pathToFileURL(entry).href));
const given = new Set<string>();
const family = new Set<string>();
for (const locale of LOCALES) {
  const person = allLocales[locale]?.person;
  for (const name of all(person?.first_name)) given.add(name);
  for (const name of all(person?.last_name)) family.add(name);
}
for (const name of ranked('dist.all.last', MOST_FAMILY_NAMES)) family.add(name);
for (const name of ranked('dist.female.first', MOST_GIVEN_NAMES)) given.add(name);
for (const name of ranked('dist.male.first', MOST_GIVEN_NAMES)) given.add(name);
const [ownGiven = '', ownFamily = ''] = readFileSync(new URL('names.txt', import.meta.url), 'utf8').split(
  '\n\n',
);
for (const name of ownGiven.trim().split(/\s+/)) given.add(name);
for (const name of ownFamily.trim().split(/\s+/)) family.add(name);
const source =
  'the locale data of @faker-js/faker 10.6.0 (MIT, copyright 2022-2025 Faker); the census of the USA by names 0.3.0 (MIT, Trey Hunner); own';
const names = { source, given: joined(given), family: joined(family) };
process.stdout.write(`${JSON.stringify(names, null, 2)}\n`);

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
  const words = [...names].filter((name) => /^\p{L}[\p{L}'’-]+$/u.test(name));
  return [...new Set(words.map((name) => name.toLowerCase()))].sort().join(' ');
}
