import { describe, expect, test } from 'vitest';
import { PolicyConfigError } from '../../errors.ts';
import { parsePolicyConfig } from '../load.ts';
import { routeFor, targetFor } from '../look-up.ts';
import type { PolicyConfig } from '../policy-config.ts';
import { RECORDING_ONLY, type Support } from '../support.ts';

/** Three chat targets a, b, c of models m-a, m-b, m-c, one for embeddings, and whatever stands below them. */
const file = (rest: string): string => `pack: {name: p, version: 1.0.0, enabled: true}
policies: {chain: []}
providers:
  targets:
    - {id: a, provider: 'openai-compatible:chat:m-a', base_url: 'https://a.net'}
    - {id: b, provider: 'openai-compatible:chat:m-b', base_url: 'https://b.net'}
    - {id: c, provider: 'openai-compatible:chat:m-c', base_url: 'https://c.net'}
    - {id: e, provider: 'openai-compatible:embeddings:m-e', base_url: 'https://e.net'}
${rest}`;

const parse = (rest: string): PolicyConfig => parsePolicyConfig(file(rest), { env: {} });

function problemsOf(rest: string, support?: Support): string[] {
  try {
    parsePolicyConfig(file(rest), { env: {}, support });
  } catch (error) {
    if (!(error instanceof PolicyConfigError)) throw error;
    return error.problems.map(({ code, line, column, path }) => `${line}:${column} ${code} ${path}`);
  }
  return [];
}

function shares(config: PolicyConfig, model: string): string[] {
  return (routeFor(config, model)?.targets ?? []).map(({ target, weight }) => `${target.id} ${weight}`);
}

describe('a route', () => {
  test('splits by weight, and falls back in the order of the list, then to its fallbacks', () => {
    const config = parse(
      'routes: [{model: chat, targets: [{target: b, weight: 1}, {target: a, weight: 9}], fallbacks: [c]}]\n',
    );
    expect(shares(config, 'chat')).toEqual(['b 1', 'a 9', 'c 0']);
    expect(targetFor(config, 'chat')?.id).toBe('b');
  });

  test('without weights gives all to its first target', () => {
    expect(shares(parse('routes: [{model: chat, targets: [{target: c}, {target: a}]}]\n'), 'chat')).toEqual([
      'c 1',
      'a 0',
    ]);
  });

  test('beside given weights a missing one is a fallback, and one of 0 may stand first', () => {
    const config = parse(
      'routes: [{model: chat, targets: [{target: a, weight: 0}, {target: b, weight: 3}, {target: c}]}]\n',
    );
    expect(shares(config, 'chat')).toEqual(['a 0', 'b 3', 'c 0']);
    expect(targetFor(config, 'chat')?.id).toBe('b');
  });

  test('replaces the one that a target of its name would have, and leaves the others', () => {
    const config = parse('routes: [{model: m-a, targets: [{target: b}]}]\n');
    expect(config.routes.map(({ model }) => model)).toEqual(['m-a', 'm-b', 'm-c', 'm-e']);
    expect(shares(config, 'm-a')).toEqual(['b 1']);
    expect(shares(config, 'm-e')).toEqual(['e 1']);
  });

  test('takes what it says of durability, payloads, region, standards, geography, flag and length', () => {
    const config = parse(`routes:
  - model: chat
    targets: [{target: a}]
    durability: broker
    payloads: {mode: required, bodies: requests, retention_days: 30}
    default_max_output_tokens: 512
    region: westeurope
    required_standards: [HIPAA, PCI-DSS]
    allow_cross_geography: true
    feature_flag: preview
payloads: best-effort
feature_flags: {preview: true}
catalog: {require_known: true, file: models.yaml}
`);
    expect(routeFor(config, 'chat')).toMatchObject({
      durability: 'broker',
      payloads: { mode: 'required', requests: true, responses: false, retentionDays: 30 },
      defaultMaxOutputTokens: 512,
      region: 'westeurope',
      requiredStandards: ['HIPAA', 'PCI-DSS'],
      allowCrossGeography: true,
      featureFlag: 'preview',
    });
    expect(routeFor(config, 'm-a')).toMatchObject({
      payloads: { mode: 'best-effort', requests: true, responses: true },
      allowCrossGeography: null,
    });
    expect(config.catalog).toEqual({ requireKnown: true, refuseRetired: false, file: 'models.yaml' });
    expect(config.featureFlags.get('preview')).toBe(true);
  });

  test('keeps sizes alone where a target keeps no data, whatever the file says and whichever target it is', () => {
    const config = parsePolicyConfig(
      `${file('').replace('id: b', 'id: b, data_policy: {zero_data_retention: true}')}routes:
  - {model: chat, targets: [{target: a}], fallbacks: [b], payloads: required}
payloads: required
`,
      { env: {} },
    );
    const kept = (model: string) => routeFor(config, model)?.payloads.mode;
    expect(['chat', 'm-a', 'm-b'].map(kept)).toEqual(['none', 'required', 'none']);
  });

  test('whose answers are kept is refused beside a policy that restores in them what it redacted', () => {
    const restoring = (bodies: string) =>
      file(`payloads: {mode: required, bodies: ${bodies}}
policy: {pii-detector: {entities: [EMAIL_ADDRESS], action: redact, restore: true}}
`).replace('chain: []', 'chain: [pii-detector]');
    const problems = (text: string) => {
      try {
        parsePolicyConfig(text, { env: {} });
        return [];
      } catch (error) {
        return error instanceof PolicyConfigError
          ? error.problems.map(({ code, path }) => `${code} ${path}`)
          : [];
      }
    };
    expect(problems(restoring('all'))).toEqual(['contradiction policy.pii-detector.restore']);
    expect(problems(restoring('requests'))).toEqual([]);
  });

  test.each([
    ['capture: all', '9:1 invalid-value payloads'],
    ['mode: sometimes', '9:1 invalid-value payloads'],
  ])('is refused where payloads says {%s}', (text, problem) => {
    expect(problemsOf(`payloads: {${text}}\n`)).toEqual([problem]);
  });

  test('of several targets of one model takes them as fallbacks in their order', () => {
    const text = file('').replace('m-b', 'm-a');
    expect(shares(parsePolicyConfig(text, { env: {} }), 'm-a')).toEqual(['a 1', 'b 0']);
  });

  test.each([
    ['an id that is none', '{target: z}', '11:16 contradiction routes[0].targets[0].target'],
    ['a target twice', '{target: a}, {target: a}', '11:29 duplicate routes[0].targets[1].target'],
    ['no traffic for anyone', '{target: a, weight: 0}', '11:5 contradiction routes[0].targets'],
    ['different tasks', '{target: a}, {target: e}', '11:5 contradiction routes[0].targets'],
    ['a name that is mistyped', '{target: a, wieght: 1}', '11:27 unknown-field routes[0].targets[0].wieght'],
    ['no target', '', '11:5 invalid-value routes[0].targets'],
  ])('is refused for %s', (_, targets, problem) => {
    expect(problemsOf(`routes:\n  - model: chat\n    targets: [${targets}]\n`)).toEqual([problem]);
  });

  test('is refused where another serves its model, or its flag is not declared', () => {
    expect(
      problemsOf('routes: [{model: x, targets: [{target: a}]}, {model: x, targets: [{target: b}]}]\n'),
    ).toEqual(['9:47 duplicate routes[1].model']);
    expect(problemsOf('routes: [{model: x, feature_flag: pre, targets: [{target: a}]}]\n')).toEqual([
      '9:21 contradiction routes[0].feature_flag',
    ]);
  });

  test('is refused, as is all that goes beyond one target a model, by a gateway that can not do it', () => {
    expect(
      problemsOf(
        'routes: [{model: x, targets: [{target: a}], region: eu, payloads: required}]\npayloads: {mode: best-effort}\ncatalog: {require_known: true}\n',
        RECORDING_ONLY,
      ),
    ).toEqual([
      '9:10 not-available routes[0]',
      '9:45 not-available routes[0].region',
      '9:57 not-available routes[0].payloads',
      '10:1 not-available payloads',
      '11:1 not-available catalog',
    ]);
    const twice = file('').replace('m-b', 'm-a');
    expect(() => parsePolicyConfig(twice, { env: {}, support: RECORDING_ONLY })).toThrowError(
      expect.objectContaining({ code: 'not-available' }),
    );
  });
});
