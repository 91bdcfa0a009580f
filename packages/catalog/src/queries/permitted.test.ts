import { describe, expect, test } from 'vitest';
import { catalogOver, seedCatalog } from '../file/load-catalog.ts';
import { permitted, type Question } from './permitted.ts';

const LLAMA = 'databricks-meta-llama-3-3-70b-instruct';
const AT = Date.parse('2026-01-15T12:00:00Z');

const ask = (question: Partial<Question> & { readonly day?: string }, catalog = seedCatalog()) =>
  permitted(catalog, {
    model: LLAMA,
    mode: 'pay-per-token',
    region: null,
    standards: [],
    crossGeographyAllowed: null,
    at: question.day === undefined ? AT : Date.parse(question.day),
    ...question,
  });

/** The rule against a call, or the notes on it. */
const said = (question: Parameters<typeof ask>[0], catalog = seedCatalog()) => {
  const verdict = ask(question, catalog);
  return verdict.allowed ? verdict.notes : verdict.rule;
};

describe('standards', () => {
  test.each(['PCI-DSS', 'FedRAMP', 'IRAP', 'CCCS', 'UK-Cyber-Essentials-Plus'] as const)(
    '%s is met by provisioned throughput alone, which is the advice',
    (standard) => {
      const verdict = ask({ standards: [standard] });
      expect(verdict).toMatchObject({
        allowed: false,
        rule: 'standard_not_met',
        alternative: { model: LLAMA, mode: 'provisioned-throughput' },
      });
      expect(said({ mode: 'provisioned-throughput', standards: [standard] })).toEqual([
        'unconfirmed-standard',
        'unknown-container-age',
      ]);
    },
  );

  test('HIPAA is met by pay-per-token with the compliance profile, which nobody has asserted', () => {
    expect(said({ standards: ['HIPAA'] })).toEqual(['unasserted-compliance-profile']);
  });

  test('HIPAA is met by provisioned throughput everywhere', () => {
    expect(said({ mode: 'provisioned-throughput', standards: ['HIPAA'] })).toEqual(['unknown-container-age']);
  });

  test.each(['external', 'custom'] as const)(
    'nothing is known of standards on %s, so none is met',
    (mode) => {
      expect(said({ model: 'gpt-4o', mode, standards: ['HIPAA'] })).toBe('standard_not_met');
    },
  );
});

describe('geography', () => {
  const needs = (model: string, region: string) =>
    said({ model, region, crossGeographyAllowed: false }) === 'cross_geography_not_allowed';

  test('Gemini 3.5 Flash needs to leave it outside the US and the EU', () => {
    expect(
      ['us-east-1', 'westeurope', 'ap-southeast-2', 'uksouth'].map((region) =>
        needs('databricks-gemini-3-5-flash', region),
      ),
    ).toEqual([false, false, true, true]);
  });
});

test('a file goes over the seed', () => {
  const catalog = catalogOver(
    `endpoints: [{endpoint: mine, model: ${LLAMA}, container_built_on: '2026-01-01', source: x}]
rows: [{model: '*', mode: provisioned-throughput, region: us-east-1, standards: {PCI-DSS: met}, source: x}]`,
    'own.yaml',
  );
  const question = {
    model: 'mine',
    mode: 'provisioned-throughput',
    region: 'us-east-1',
    standards: ['PCI-DSS'],
  } as const;
  expect(said(question, catalog)).toEqual([]);
  expect(said({ ...question, day: '2026-01-30T23:59:59Z' }, catalog)).toEqual([]);
  expect(said({ ...question, day: '2026-01-31' }, catalog)).toBe('container_too_old');
});
