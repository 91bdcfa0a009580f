import { describe, expect, test } from 'vitest';
import { PolicyConfigError } from '../../errors.ts';
import { parsePolicyConfig } from '../load.ts';
import type { PolicySettings } from './policy-settings.ts';

const file = (chain: string, sections: string): string => `pack: {name: p, version: 1.0.0, enabled: true}
policies: {chain: [${chain}]}
policy:
${sections}
`;

const parse = (chain: string, sections: string): PolicySettings =>
  parsePolicyConfig(file(chain, sections), { env: {} }).policies;

function problemsOf(chain: string, sections: string): string[] {
  try {
    parse(chain, sections);
  } catch (error) {
    if (!(error instanceof PolicyConfigError)) throw error;
    return error.problems.map(({ code, line, column, path }) => `${line}:${column} ${code} ${path}`);
  }
  return [];
}

describe('the sections under policy', () => {
  test('have defaults where something sensible can be meant', () => {
    expect(parse('prompt-injection, pii-detector', '')).toMatchObject({
      promptInjection: { threshold: 0.5, action: 'block', exemptRoles: [] },
      piiDetector: { action: 'redact', restore: false },
    });
    expect(parse('pii-detector', '').piiDetector?.entities).toContain('IBAN');
  });

  test('of dlp-filter: named patterns with their own action, then the others with that of the filter', () => {
    const sections = `  dlp-filter:
    patterns:
      - {name: pat, regex: 'dapi[a-f0-9]{32}'}
      - {name: jdbc, regex: 'jdbc:\\S+', action: redact}
    detect_patterns: ['[a-z]+\\.[a-z]+']
    action: flag
    restore: true`;
    expect(parse('dlp-filter', sections).dlpFilter).toEqual({
      expressions: [
        { name: 'pat', regex: 'dapi[a-f0-9]{32}', action: 'flag' },
        { name: 'jdbc', regex: 'jdbc:\\S+', action: 'redact' },
        { name: 'detect_patterns[0]', regex: '[a-z]+\\.[a-z]+', action: 'flag' },
      ],
      applyTo: ['input'],
      restore: true,
    });
  });

  test('of rbac: an empty list with action block denies all, without it allows nothing', () => {
    const sections = `  rbac:
    default_role: guest
    roles:
      engineer: {allowed_models: [m], max_tokens_per_request: 10}
      read-only: {allowed_models: [], action: block}
      guest: {allowed_models: []}`;
    const rbac = parse('rbac', sections).rbac;
    expect(rbac?.roles).toEqual([
      { name: 'engineer', allowedModels: ['m'], maxTokensPerRequest: 10, action: 'block', deniesAll: false },
      { name: 'read-only', allowedModels: [], maxTokensPerRequest: null, action: 'block', deniesAll: true },
      { name: 'guest', allowedModels: [], maxTokensPerRequest: null, action: 'block', deniesAll: false },
    ]);
    expect(rbac?.defaultRole?.name).toBe('guest');
  });

  test('of safety-filter: whom to ask, and what the answer does', () => {
    expect(
      parse('safety-filter', '  safety-filter: {target: guard, format: llama-guard, timeout_seconds: 0.5}')
        .safetyFilter,
    ).toEqual({
      target: 'guard',
      format: 'llama-guard',
      categories: null,
      threshold: null,
      action: 'block',
      onError: 'block',
      timeoutMs: 500,
    });
  });

  test.each([
    ['rbac', '', '3:1 missing-field policy.rbac.roles'],
    ['rbac', '  rbac: {roles: {}}', '4:10 missing-field policy.rbac.roles'],
    [
      'rbac',
      '  rbac: {roles: {a: {allowed_model: [m], allowed_models: []}}}',
      '4:22 unknown-field policy.rbac.roles.a.allowed_model',
    ],
    [
      'rbac',
      '  rbac: {roles: {a: {allowed_models: [], max_tokens_per_request: 5}}}',
      '4:42 contradiction policy.rbac.roles.a.max_tokens_per_request',
    ],
    [
      'rbac',
      '  rbac: {roles: {a: {allowed_models: [m]}}, default_role: b}',
      '4:45 contradiction policy.rbac.default_role',
    ],
    ['dlp-filter', '  dlp-filter: {action: block}', '4:3 missing-field policy.dlp-filter.patterns'],
    [
      'dlp-filter',
      "  dlp-filter: {detect_patterns: ['(']}",
      '4:34 invalid-value policy.dlp-filter.detect_patterns[0]',
    ],
    [
      'dlp-filter',
      "  dlp-filter: {detect_patterns: ['(?=a)b']}",
      '4:34 invalid-value policy.dlp-filter.detect_patterns[0]',
    ],
    [
      'dlp-filter',
      "  dlp-filter: {detect_patterns: ['a*']}",
      '4:34 invalid-value policy.dlp-filter.detect_patterns[0]',
    ],
    [
      'dlp-filter',
      '  dlp-filter: {patterns: [{name: a, regex: b}, {name: a, regex: c}]}',
      '4:49 duplicate policy.dlp-filter.patterns[1].name',
    ],
    [
      'dlp-filter',
      '  dlp-filter: {detect_patterns: [b], restore: true}',
      '4:38 contradiction policy.dlp-filter.restore',
    ],
    [
      'pii-detector',
      '  pii-detector: {action: block, restore: true}',
      '4:33 contradiction policy.pii-detector.restore',
    ],
    [
      'pii-detector',
      '  pii-detector: {apply_to: [output], restore: true}',
      '4:38 contradiction policy.pii-detector.restore',
    ],
    [
      'pii-detector',
      '  pii-detector: {entities: [EMAIL]}',
      '4:29 invalid-value policy.pii-detector.entities[0]',
    ],
    [
      'pii-detector',
      '  pii-detector: {phone_regions: [germany]}',
      '4:34 invalid-value policy.pii-detector.phone_regions[0]',
    ],
    [
      'prompt-injection',
      '  prompt-injection: {treshold: 0.4}',
      '4:22 unknown-field policy.prompt-injection.treshold',
    ],
    [
      'prompt-injection',
      '  prompt-injection: {threshold: 1.5}',
      '4:22 invalid-value policy.prompt-injection.threshold',
    ],
    ['safety-filter', '', '3:1 missing-field policy.safety-filter.target'],
    [
      'safety-filter',
      '  safety-filter: {target: g, format: llama-guard, threshold: 0.5}',
      '4:51 contradiction policy.safety-filter.threshold',
    ],
    ['', '  dlp-filter: {detect_patterns: [b]}', '4:3 contradiction policy.dlp-filter'],
  ])('of %s are refused where they say %j', (chain, sections, problem) => {
    expect(problemsOf(chain, sections)).toContain(problem);
    if (!problem.startsWith('3:1')) expect(problemsOf(chain, sections)).toHaveLength(1);
  });

  test('of safety-filter are refused where they name no target of the file', () => {
    const text = `${file('safety-filter', '  safety-filter: {target: gard, format: llama-guard}')}providers:
  targets: [{id: guard, provider: 'openai-compatible:chat:g', base_url: 'https://g.net'}]
`;
    expect(() => parsePolicyConfig(text, { env: {} })).toThrowError(/Did you mean "guard"/);
  });

  test('tell where an expression is wrong, without repeating it', () => {
    const text = file('dlp-filter', "  dlp-filter: {detect_patterns: ['hunter2(']}");
    expect(() => parsePolicyConfig(text, { env: {} })).toThrowError(
      /no regular expression of RE2 \(missing closing \)\)/,
    );
    expect(() => parsePolicyConfig(text, { env: {} })).not.toThrowError(/hunter2/);
  });
});
