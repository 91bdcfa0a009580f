import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CatalogError } from '../errors.ts';
import { DAY_MS, dayText } from '../instant.ts';
import { lifecycleOf } from '../queries/lifecycle.ts';
import { catalogOver, loadCatalog, seedCatalog, seedLayer } from './load-catalog.ts';
import { priceKey, readCatalogLayer, rowKey } from './read-catalog-file.ts';
import { holdsAt } from './spans.ts';

const MODEL = `models: [{model: m, family: M, task: chat, source: us}]\n`;

/** What is wrong with a file, each as `line:column code path`. */
function problemsOf(text: string): string[] {
  try {
    catalogOver(text, 'own.yaml');
  } catch (error) {
    if (!(error instanceof CatalogError)) throw error;
    return error.problems.map(({ line, column, code, path }) => `${line}:${column} ${code} ${path}`);
  }
  return [];
}

test.each([
  [
    'an unknown field',
    `rows: [{model: '*', modus: batch, source: us}]`,
    ['1:21 unknown-field rows[0].modus'],
  ],
  ['no source', `rows: [{model: '*', mode: batch}]`, ['1:8 missing-field rows[0].source']],
  [
    'a model that is mistyped',
    `rows: [{model: databricks-gpt-5-mino, source: us}]`,
    ['1:9 contradiction rows[0].model'],
  ],
  [
    'a geography that is none',
    `rows: [{model: '*', region: 'geo:us-east-1', source: us}]`,
    ['1:21 contradiction rows[0].region'],
  ],
  [
    'a status of every model',
    `rows: [{model: '*', status: GA, source: us}]`,
    ['1:21 contradiction rows[0].status'],
  ],
  [
    'a day that is none',
    `rows: [{model: '*', effective_from: '2026-02-30', source: us}]`,
    ['1:21 invalid-value rows[0].effective_from'],
  ],
  [
    'an end before the beginning',
    `rows: [{model: '*', effective_from: '2026-02-02', effective_to: '2026-02-02', source: us}]`,
    ['1:51 contradiction rows[0].effective_to'],
  ],
  [
    'a redirect of what is not redirected',
    `${MODEL}rows: [{model: m, status: GA, redirect_to: databricks-gpt-5, source: us}]`,
    ['2:31 contradiction rows[0].redirect_to'],
  ],
  ['a region twice', `geographies: {a: [x], b: [y, x]}`, ['1:30 duplicate geographies.b[1]']],
  [
    'a model twice',
    `models: [{model: m, family: M, task: chat, source: us}, {model: m, family: M, task: chat, source: us}]`,
    ['1:58 duplicate models[1].model'],
  ],
  [
    'a DBU without its price',
    `${MODEL}prices: [{model: m, mode: custom, unit: DBU, input: '1', source: us}]`,
    ['2:10 missing-field prices[0].usd_per_dbu'],
  ],
  ['what is no YAML', `rows: [`, ['1:8 invalid-yaml ']],
])('a file with %s is refused, with its place', (_, text, problems) => {
  expect(problemsOf(text)).toEqual(problems);
});

test('rows about the same at the same time are refused, with both places', () => {
  const text = `${MODEL}rows:
  - {model: m, mode: custom, status: GA, effective_to: '2026-03-02', source: us}
  - {model: m, mode: custom, status: retired, effective_from: '2026-03-01', source: us}
`;
  expect(() => catalogOver(text, 'own.yaml')).toThrow(
    /^own\.yaml:4:5: rows\[1\]: The entry at line 3 is about the same/,
  );
});

test('a file that is not there is told so', async () => {
  await expect(loadCatalog('/nowhere/catalogue.yaml')).rejects.toMatchObject({
    code: 'catalogue_unreadable',
  });
});

const day = fc.integer({ min: 20_000, max: 20_060 });
const span = fc
  .tuple(day, fc.integer({ min: 1, max: 20 }))
  .map(([from, days]) => ({ from, to: from + days }));

test('of any rows about the same thing either none overlap, or the file is refused', () => {
  fc.assert(
    fc.property(fc.array(span, { minLength: 1, maxLength: 6 }), (spans) => {
      const rows = spans.map(
        ({ from, to }) =>
          `  - {model: m, mode: custom, status: GA, effective_from: '${dayText(from * DAY_MS)}', effective_to: '${dayText(to * DAY_MS)}', source: us}`,
      );
      const overlap = spans.some((one, index) =>
        spans.some((other, at) => at < index && one.from < other.to && other.from < one.to),
      );
      expect(problemsOf(`${MODEL}rows:\n${rows.join('\n')}\n`).length > 0).toBe(overlap);
    }),
  );
});

test('at any instant at most one row of the seed is about a thing, and one price', () => {
  const { rows, prices } = seedLayer();
  const anyDay = fc.integer({ min: Date.parse('2023-01-01'), max: Date.parse('2028-01-01') });
  fc.assert(
    fc.property(anyDay, (at) => {
      for (const keys of [
        rows.filter((row) => holdsAt(row, at)).map(rowKey),
        prices.filter((price) => holdsAt(price, at)).map(priceKey),
      ]) {
        expect(new Set(keys).size).toBe(keys.length);
      }
    }),
    { numRuns: 200 },
  );
});

test('between two changes every answer stays the same', () => {
  const catalog = seedCatalog();
  const subjects = [...catalog.models].flatMap(({ model }) =>
    [...catalog.modesOf(model)].map((mode) => ({ model, mode, region: null })),
  );
  const answers = (at: number) =>
    JSON.stringify(subjects.map((subject) => lifecycleOf(catalog, subject, at)));
  let at = Date.parse('2023-12-01');
  for (let next = catalog.nextChange(at); Number.isFinite(next); next = catalog.nextChange(at)) {
    expect(answers(next - 1)).toBe(answers(at));
    at = next;
  }
  expect(answers(Date.parse('2040-01-01'))).toBe(answers(at));
});

test('every row and price of the seed names its source, and every region has one geography', () => {
  const { rows, prices, geographies } = seedLayer();
  expect([...rows, ...prices].every(({ source }) => source.length > 0)).toBe(true);
  expect(new Set([...geographies.values()].flat()).size).toBe([...geographies.values()].flat().length);
});

test('a file goes over the seed row by row, field by field, and adds to it', () => {
  const catalog = catalogOver(
    `${MODEL}rows:
  - {model: databricks-gemini-3-pro, mode: '*', status: redirected, redirect_to: databricks-gemini-2-5-pro, effective_from: '2026-03-26', source: us}
  - {model: m, mode: external, standards: {HIPAA: met}, source: contract}
geographies: {moon: [mare-1]}
prices: [{model: databricks-gpt-5, mode: pay-per-token, unit: USD, input: '1', output: '2', source: contract}]
`,
    'own.yaml',
  );
  const at = Date.parse('2026-07-01');
  const gemini = { model: 'databricks-gemini-3-pro', mode: 'pay-per-token', region: null } as const;
  expect(lifecycleOf(catalog, gemini, at)).toMatchObject({
    status: 'redirected',
    redirectTo: 'databricks-gemini-2-5-pro',
  });
  expect(catalog.stated(gemini, at, (row) => row.cross_geography)?.value).toBe('needed');
  expect(catalog.price({ model: 'databricks-gpt-5', mode: 'pay-per-token' }, at)).toMatchObject({
    output: '2',
  });
  expect(catalog.geographyOf('mare-1')).toBe('moon');
  const own = { model: 'm', mode: 'external', region: null } as const;
  expect(catalog.stated(own, at, (row) => row.standards?.HIPAA)?.value).toBe('met');
});

test('what differs by region is not known without one', () => {
  const catalog = seedCatalog();
  const at = Date.parse('2026-07-01');
  const stated = (region: string | null) =>
    catalog.stated({ model: 'x', mode: 'pay-per-token', region }, at, (row) => row.cross_geography)?.value;
  expect([null, 'eastus', 'japaneast', 'mars-1'].map(stated)).toEqual([
    undefined,
    'not-needed',
    'needed',
    undefined,
  ]);
});

test('a layer may name what is below it alone', () => {
  expect(() => readCatalogLayer(`rows: [{model: databricks-gpt-5, source: us}]`, 'own.yaml', [])).toThrow(
    CatalogError,
  );
});
