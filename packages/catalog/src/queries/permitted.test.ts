import { describe, expect, test } from 'vitest';
import { catalogOver, seedCatalog } from '../file/load-catalog.ts';
import { permitted } from './permitted.ts';
import type { Question } from './question.ts';

const LLAMA = 'databricks-meta-llama-3-3-70b-instruct';
const AT = Date.parse('2026-01-15T12:00:00Z');

const ask = ({ day, ...question }: Partial<Question> & { readonly day?: string }, catalog = seedCatalog()) =>
  permitted(catalog, {
    model: LLAMA,
    mode: 'pay-per-token',
    region: null,
    standards: [],
    crossGeographyAllowed: null,
    at: day === undefined ? AT : Date.parse(day),
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
      expect(ask({ standards: [standard] })).toMatchObject({
        allowed: false,
        rule: 'standard_not_met',
        message: expect.stringContaining(`Nearest permitted: ${LLAMA} on provisioned-throughput`),
        alternative: { model: LLAMA, mode: 'provisioned-throughput', offeredAs: null },
      });
      const provisioned = { mode: 'provisioned-throughput', standards: [standard] } as const;
      expect(said(provisioned)).toEqual(['unconfirmed-standard', 'unknown-container-age']);
      expect(said({ ...provisioned, requireKnown: true })).toBe('standard_not_met');
    },
  );

  test('HIPAA is met by pay-per-token with the compliance profile, which somebody has to assert', () => {
    expect(said({ standards: ['HIPAA'] })).toEqual(['unasserted-compliance-profile']);
    const asserting = (enabled: boolean) =>
      catalogOver(
        `endpoints: [{endpoint: ${LLAMA}, compliance_profile: {enabled: ${enabled}, asserted_by: me, asserted_on: '2026-01-01'}, source: us}]`,
        'own.yaml',
      );
    expect(said({ standards: ['HIPAA'] }, asserting(true))).toEqual([]);
    expect(ask({ standards: ['HIPAA'] }, asserting(false))).toMatchObject({
      rule: 'standard_not_met',
      alternative: { mode: 'provisioned-throughput' },
    });
  });

  test('HIPAA is met by provisioned throughput in every region', () => {
    for (const region of ['us-east-1', 'westeurope', 'japaneast', 'nowhere']) {
      const question = { mode: 'provisioned-throughput', standards: ['HIPAA'], region } as const;
      expect(said(question)).toEqual(['unknown-container-age']);
    }
  });

  test.each(['external', 'custom'] as const)(
    'nothing is known of standards on %s, so none is met',
    (mode) => {
      expect(said({ model: 'gpt-4o', mode, standards: ['HIPAA'] })).toBe('standard_not_met');
    },
  );
});

describe('a served container', () => {
  const catalog = catalogOver(
    `endpoints: [{endpoint: mine, model: ${LLAMA}, container_built_on: '2026-01-01', source: import}]
rows: [{model: '*', mode: provisioned-throughput, region: us-east-1, standards: {PCI-DSS: met}, source: us}]`,
    'own.yaml',
  );
  const question = {
    model: 'mine',
    mode: 'provisioned-throughput',
    region: 'us-east-1',
    standards: ['PCI-DSS'],
  } as const;

  test('meets standards for 30 days after it was built, and no longer', () => {
    expect(said({ ...question, day: '2026-01-30T23:59:59.999Z' }, catalog)).toEqual([]);
    expect(said({ ...question, day: '2026-01-31' }, catalog)).toBe('container_too_old');
    expect(catalog.nextChange(Date.parse('2026-01-20'))).toBe(Date.parse('2026-01-31'));
  });

  test('may be of any age where no standard is asked for', () => {
    expect(said({ ...question, standards: [], day: '2026-12-01' }, catalog)).toEqual([]);
  });

  test('of an age that nobody imported is noted, or refused where everything has to be known', () => {
    const other = { ...question, model: LLAMA };
    expect(said(other, catalog)).toEqual(['unknown-container-age']);
    expect(said({ ...other, requireKnown: true }, catalog)).toBe('container_too_old');
  });
});

describe('cross-geography processing', () => {
  const REGIONS = [
    'us-east-1',
    'eastus2',
    'eu-west-1',
    'westeurope',
    'eu-west-2',
    'ap-southeast-2',
    'japaneast',
  ];
  const needs = (model: string, mode: Question['mode'] = 'pay-per-token') =>
    REGIONS.filter(
      (region) =>
        said({ model, mode, region, crossGeographyAllowed: false, refuseRetired: false }) ===
        'cross_geography_not_allowed',
    );
  const OUTSIDE = ['eu-west-2', 'ap-southeast-2', 'japaneast'];

  test.each([
    ['databricks-gemini-3-5-flash', OUTSIDE],
    ['databricks-gemini-3-flash', REGIONS],
    ['databricks-gemini-3-pro', REGIONS],
    ['databricks-claude-sonnet-4', OUTSIDE],
    ['databricks-claude-3-7-sonnet', OUTSIDE],
    [LLAMA, OUTSIDE],
  ])('is needed for %s in %j', (model, regions) => {
    expect(needs(model)).toEqual(regions);
  });

  test('is needed for a pay-per-token model that nobody has heard of as for every other', () => {
    expect(needs('databricks-brand-new')).toEqual(OUTSIDE);
  });

  test('is not said to be needed elsewhere', () => {
    expect(needs('gpt-4o', 'external')).toEqual([]);
    expect(needs(LLAMA, 'provisioned-throughput')).toEqual([]);
  });

  test('passes where it is allowed, and is noted where nothing is said', () => {
    const question = { model: 'databricks-gemini-3-flash', region: 'us-east-1' };
    expect(said({ ...question, crossGeographyAllowed: true })).toEqual([]);
    expect(said(question)).toEqual(['cross-geography']);
  });

  test('that may be needed, as of Codex models, is noted, or refused where everything has to be known', () => {
    const question = { model: 'databricks-gpt-5-2-codex', region: 'us-east-1', crossGeographyAllowed: false };
    expect(said(question)).toEqual(['unknown-cross-geography']);
    expect(said({ ...question, requireKnown: true })).toBe('cross_geography_not_allowed');
  });

  test('in a region that is in no known geography is not known', () => {
    expect(said({ region: 'mars-1', crossGeographyAllowed: false })).toEqual(['unknown-cross-geography']);
  });

  test('leads to a model that stays, of the same maker', () => {
    const verdict = ask({
      model: 'databricks-gemini-3-flash',
      region: 'us-east-1',
      crossGeographyAllowed: false,
    });
    expect(verdict).toMatchObject({
      alternative: { model: expect.stringContaining('gemini-2-5'), region: 'us-east-1' },
    });
  });
});

describe('residency', () => {
  test.each([
    ['westeurope', 'westeurope', true],
    ['westeurope', 'northeurope', false],
    ['eu', 'northeurope', true],
    ['eu', 'eastus', false],
    ['eu', 'uksouth', false],
    ['mars-1', 'mars-1', true],
    ['westeurope', null, false],
  ])('asks for %s, and %s is within it: %s', (within, region, allowed) => {
    expect(ask({ within, region }).allowed).toBe(allowed);
    if (!allowed) expect(said({ within, region })).toBe('residency_violation');
  });

  test('gives way where calls may leave the geography anyway, but not for a place that nobody knows', () => {
    expect(ask({ within: 'westeurope', region: 'eastus', crossGeographyAllowed: true }).allowed).toBe(true);
    expect(ask({ within: 'westeurope', region: null, crossGeographyAllowed: true }).allowed).toBe(false);
  });
});

describe('a model', () => {
  test('that is retired is refused, with what comes nearest; or noted', () => {
    const question = { model: 'databricks-meta-llama-3-1-405b-instruct', day: '2026-02-15' };
    expect(ask(question)).toMatchObject({
      rule: 'model_retired',
      message: expect.stringMatching(
        /retired on pay-per-token since 2026-02-15\. Nearest permitted: databricks-meta-llama-3-3-70b-instruct/,
      ),
    });
    expect(ask({ ...question, day: '2026-05-15' })).toMatchObject({
      alternative: { model: LLAMA, mode: 'pay-per-token' },
    });
    expect(said({ ...question, refuseRetired: false })).toEqual(['retired-model']);
  });

  test('that is redirected is what answers, where that is known', () => {
    expect(ask({ model: 'databricks-meta-llama-3-1-70b-instruct' })).toMatchObject({
      allowed: true,
      notes: ['redirected-model'],
      servedModel: LLAMA,
    });
    expect(ask({ model: 'databricks-gemini-3-pro', day: '2026-04-01' })).toMatchObject({
      notes: ['redirected-model', 'cross-geography'],
      servedModel: 'databricks-gemini-3-pro',
    });
  });

  test('that is redirected is judged by what answers', () => {
    const catalog = catalogOver(
      `models: [{model: old, family: Old, task: chat, source: us}]
rows: [{model: old, mode: pay-per-token, status: redirected, redirect_to: databricks-gemini-3-flash, source: us}]`,
      'own.yaml',
    );
    expect(said({ model: 'old', region: 'us-east-1', crossGeographyAllowed: false }, catalog)).toBe(
      'cross_geography_not_allowed',
    );
  });

  test('that is a preview is noted', () => {
    expect(said({ model: 'databricks-llama-4-maverick', mode: 'provisioned-throughput' })).toEqual([
      'preview-model',
    ]);
  });

  test('that nobody knows is noted, or refused where it has to be known', () => {
    expect(said({ model: 'gpt-4o', mode: 'external' })).toEqual(['unknown-model']);
    expect(said({ model: 'gpt-4o', mode: 'external', requireKnown: true })).toBe('model_unknown');
  });

  test('that is not served somewhere is refused there alone', () => {
    const catalog = catalogOver(
      `rows: [{model: ${LLAMA}, mode: pay-per-token, region: japaneast, status: unavailable, source: us}]`,
      'own.yaml',
    );
    expect(said({ region: 'japaneast', crossGeographyAllowed: true }, catalog)).toBe('model_unavailable');
    expect(said({ region: 'eastus' }, catalog)).toEqual([]);
  });
});

test('what is at hand is advised before what would have to be set up', () => {
  const offers = [
    { model: 'databricks-mixtral-8x7b-instruct', mode: 'pay-per-token', region: null, offeredAs: 'small' },
  ] as const;
  const question = {
    model: 'databricks-dbrx-instruct',
    mode: 'pay-per-token',
    region: null,
    standards: [],
  } as const;
  const verdict = permitted(seedCatalog(), { ...question, crossGeographyAllowed: null, at: AT }, offers);
  expect(verdict).toMatchObject({ rule: 'model_retired', alternative: offers[0] });
  expect(verdict.allowed ? '' : verdict.message).toMatch(/offered here as "small"\.$/);
});
