import { parsePolicyConfig } from '@tollgate/policy';
import { NO_POLICY_CONFIG_EXAMPLES, policyConfigExamples } from '@tollgate/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { OWN_EXAMPLES } from './example-configs.ts';
import { type Probe, ROWS } from './rows.ts';
import { rulesOf } from './rules.ts';
import { type ServedExample, serveExample, WORKSPACE } from './served-example.ts';

const served = new Map<string, Promise<ServedExample>>();
afterAll(async () => {
  for (const example of served.values()) await (await example).close();
});

function serve(text: string): Promise<ServedExample> {
  const known = served.get(text) ?? serveExample(text);
  served.set(text, known);
  return known;
}

const outcomeOf = (example: ServedExample, probe: Probe): Promise<string> =>
  typeof probe === 'function' ? probe(example) : example.ask(probe);

const cases = (texts: readonly (readonly [string, string])[]) =>
  texts.flatMap(([name, text]) =>
    rulesOf(parsePolicyConfig(text, { env: WORKSPACE })).map((rule) => [name, rule, text] as const),
  );

async function holds(rule: string, text: string): Promise<void> {
  const row = ROWS.get(rule);
  if (row === undefined) throw new Error(`no request is known that trips "${rule}": add a row for it`);
  expect(row.trips.length).toBeGreaterThan(0);
  expect(row.passes.length).toBeGreaterThan(0);
  const example = await serve(text);
  for (const [probe, outcome] of row.trips) expect(await outcomeOf(example, probe)).toBe(outcome);
  for (const [probe, outcome] of row.passes) expect(await outcomeOf(example, probe)).toBe(outcome);
}

describe('each rule of our own examples is tripped by one request, and just not by another', () => {
  test.each(cases(Object.entries(OWN_EXAMPLES)))('%s: %s', async (_, rule, text) => holds(rule, text));

  test('and no row is about a rule that no example holds', () => {
    const rules = cases(Object.entries(OWN_EXAMPLES)).map(([, rule]) => rule);
    expect([...ROWS.keys()].filter((rule) => !rules.includes(rule))).toEqual([]);
  });
});

describe('each rule of the example files is tripped by one request, and just not by another', () => {
  const files = policyConfigExamples();

  test('where there are such files', (context) => {
    if (files.length === 0) context.skip(NO_POLICY_CONFIG_EXAMPLES);
    for (const { name, text } of files) {
      const rules = rulesOf(parsePolicyConfig(text, { env: WORKSPACE, file: name }));
      expect(rules, name).not.toEqual([]);
      expect(
        rules.filter((rule) => !ROWS.has(rule)),
        `${name} holds rules without a row`,
      ).toEqual([]);
    }
  });

  test.each(cases(files.map(({ name, text }) => [name, text])))('%s: %s', async (_, rule, text) =>
    holds(rule, text),
  );
});
