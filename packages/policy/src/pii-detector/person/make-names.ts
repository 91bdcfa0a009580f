/**
 * Makes names.json from the locale data of @faker-js/faker (MIT): the given and family names of the locales below, as they are
 * written there. Run it where that package is installed, with the package's own entry as the argument:
 *
 *     node make-names.ts …/node_modules/@faker-js/faker/dist/index.js > names.json
 */
import { pathToFileURL } from 'node:url';
import { z } from 'zod';

const LOCALES = [
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

const [entry = ''] = process.argv.slice(2);
const { allLocales } = faker.parse(await import(pathToFileURL(entry).href));
const given = new Set<string>();
const family = new Set<string>();
for (const locale of LOCALES) {
  const person = allLocales[locale]?.person;
  for (const name of all(person?.first_name)) given.add(name);
  for (const name of all(person?.last_name)) family.add(name);
}
const source = 'the locale data of @faker-js/faker 10.6.0, MIT licence, copyright 2022-2025 Faker';
const names = { source, given: joined(given), family: joined(family) };
process.stdout.write(`${JSON.stringify(names, null, 2)}\n`);

function all(names: z.infer<typeof lists> | undefined): string[] {
  return [...(names?.generic ?? []), ...(names?.female ?? []), ...(names?.male ?? [])];
}

/** Single words of at least two letters, in lower case, in order. */
function joined(names: ReadonlySet<string>): string {
  const words = [...names].filter((name) => /^\p{L}[\p{L}'’-]+$/u.test(name));
  return [...new Set(words.map((name) => name.toLowerCase()))].sort().join(' ');
}
