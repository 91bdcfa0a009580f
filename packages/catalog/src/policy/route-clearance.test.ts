import { type PolicyConfig, parsePolicyConfig } from '@tollgate/policy';
import { describe, expect, test } from 'vitest';
import { seedCatalog } from '../file/load-catalog.ts';
import { adviseByCatalog } from './policy-catalog.ts';
import { policyWarnings } from './policy-warnings.ts';
import { clearRoutes } from './route-clearance.ts';

const AT = Date.parse('2026-07-01');
const LLAMA = 'databricks-meta-llama-3-3-70b-instruct';

const target = (id: string, model: string, more: object = {}): object => ({
  id,
  provider: `databricks:chat:${model}`,
  base_url: 'https://a.example/serving-endpoints',
  secret_key_ref: { env: 'TOKEN' },
  ...more,
});

function configOf(targets: readonly object[], more: object = {}): PolicyConfig {
  const pack = { name: 'p', version: '1', enabled: true };
  const text = JSON.stringify({ pack, policies: { chain: [] }, providers: { targets }, ...more });
  return parsePolicyConfig(text, { env: {} });
}

const clearances = (config: PolicyConfig, at = AT) => clearRoutes(config, seedCatalog(), at);

/** Warnings as `code model target`. */
const warned = (config: PolicyConfig, at = AT) =>
  policyWarnings(clearances(config, at)).map(({ code, model, target: id }) => `${code} ${model} ${id}`);

const MAVERICK = target('m', 'databricks-llama-4-maverick', { serving_mode: 'provisioned-throughput' });

describe('a preview', () => {
  const route = (more: object) => ({
    routes: [{ model: 'x', targets: [{ target: 'm' }], ...more }],
    feature_flags: { f: true },
  });
  const own = ['preview-without-fallback databricks-llama-4-maverick m'];

  test('without a feature flag or a fallback is warned of', () => {
    expect(warned(configOf([MAVERICK]))).toEqual(own);
    expect(warned(configOf([MAVERICK], route({})))).toEqual(['preview-without-fallback x m', ...own]);
  });

  test('behind a feature flag, or with a fallback that is none, is not', () => {
    expect(warned(configOf([MAVERICK], route({ feature_flag: 'f' })))).toEqual(own);
    expect(warned(configOf([MAVERICK, target('l', LLAMA)], route({ fallbacks: ['l'] })))).toEqual(own);
  });

  test('whose only fallback is a preview or retired is still warned of', () => {
    const targets = [MAVERICK, target('d', 'databricks-dbrx-instruct')];
    expect(warned(configOf(targets, route({ fallbacks: ['d'] })))).toContain('preview-without-fallback x m');
  });
});

test('what ends within 90 days is warned of, then that it ended', () => {
  const config = configOf([target('c', 'databricks-gpt-5-2-codex')]);
  expect(warned(config, Date.parse('2026-04-16'))).toEqual([]);
  expect(warned(config, Date.parse('2026-04-17'))).toEqual(['retirement-ahead databricks-gpt-5-2-codex c']);
  expect(warned(config, Date.parse('2026-07-16'))).toEqual(['retired-model databricks-gpt-5-2-codex c']);
});

test('a model that has no route of its own is never refused for what is known of it', () => {
  const models = [...seedCatalog().models].map(({ model }) => model);
  const config = configOf(models.map((model) => target(model, model, { region: 'japaneast' })));
  expect(clearances(config).filter(({ refusal }) => refusal !== null)).toEqual([]);
});

describe('where some targets may not be called', () => {
  const targets = [
    target('us', LLAMA, { region: 'eastus' }),
    target('eu', LLAMA, { region: 'westeurope' }),
    target('no', LLAMA),
  ];
  const config = (weights: object[], fallbacks: string[] = []) =>
    configOf(targets, { routes: [{ model: 'x', region: 'westeurope', targets: weights, fallbacks }] });
  const routeOf = (configured: PolicyConfig) => {
    const [route] = clearances(configured);
    const { cleared = [], leftOut = [], refusal } = route ?? {};
    return {
      cleared: cleared.map(({ target: { id }, weight }) => `${id} ${weight}`),
      leftOut: leftOut.map(({ target: { id } }) => id),
      refusal,
    };
  };

  test('the others keep their weights', () => {
    const weights = [
      { target: 'us', weight: 3 },
      { target: 'eu', weight: 1 },
    ];
    expect(routeOf(config(weights))).toMatchObject({ cleared: ['eu 1'], leftOut: ['us'], refusal: null });
  });

  test('a fallback takes the traffic where nothing else is left', () => {
    expect(routeOf(config([{ target: 'us' }], ['eu']))).toMatchObject({ cleared: ['eu 1'], leftOut: ['us'] });
  });

  test('the route is refused where nothing at all is left, with the first reason and how many there are', () => {
    expect(routeOf(config([{ target: 'us' }], ['no']))).toMatchObject({
      cleared: [],
      leftOut: ['us', 'no'],
      refusal: {
        rule: 'residency_violation',
        message: expect.stringMatching(
          /^None of the 2 targets of this route is permitted\. Calls have to be processed in westeurope/,
        ),
        alternative: { region: 'westeurope', offeredAs: LLAMA },
      },
    });
  });
});

test('a safety filter that sends texts elsewhere bars the route', () => {
  const judge = target('judge', 'guard', { serving_mode: 'custom', region: 'eastus' });
  const config = configOf([target('eu', LLAMA, { region: 'westeurope' }), judge], {
    policies: { chain: ['safety-filter'] },
    policy: { 'safety-filter': { target: 'judge', format: 'llama-guard' } },
    routes: [
      { model: 'x', region: 'westeurope', targets: [{ target: 'eu' }] },
      { model: 'y', targets: [{ target: 'eu' }] },
    ],
  });
  const [x, y] = clearances(config);
  expect(x?.refusal).toMatchObject({
    rule: 'residency_violation',
    message: expect.stringContaining('"judge"'),
  });
  expect(y?.refusal).toBeNull();
});

test('upstreams other than Databricks are not held to its rules', () => {
  const other = {
    id: 'o',
    provider: 'openai-compatible:chat:m',
    base_url: 'https://o.example/v1',
    region: 'japaneast',
  };
  const config = configOf([other], { routes: [{ model: 'x', targets: [{ target: 'o' }] }] });
  expect(clearances(config)[0]?.refusal).toBeNull();
});

test('advice about a policy file says which models are refused, and what is wrong with the catalogue file', async () => {
  const off = {
    routes: [{ model: 'x', targets: [{ target: 'l' }], feature_flag: 'f' }],
    feature_flags: { f: false },
  };
  const { refusals, warnings, problems } = await adviseByCatalog(configOf([target('l', LLAMA)], off), AT);
  expect(refusals.get('x')).toMatchObject({ code: 'feature_flag_off', status: 403 });
  expect(warnings).toMatchObject([{ code: 'route-refused', subject: 'x' }]);
  expect(problems).toEqual([]);
  const broken = await adviseByCatalog(
    configOf([target('l', LLAMA)], { catalog: { file: '/nowhere.yaml' } }),
    AT,
  );
  expect(broken.problems).toMatchObject([{ code: 'unreadable-file', path: 'catalog.file' }]);
});
