import { describe, expect, test } from 'vitest';
import type { StepContext, StepVerdict } from '../chain/policy-step.ts';
import type { Role } from '../configuration/policies/policy-settings.ts';
import { Redactions } from '../texts/redactions.ts';
import { rbac } from './rbac.ts';

const role = (name: string, allowedModels: readonly string[], more: Partial<Role> = {}): Role => ({
  name,
  allowedModels,
  maxTokensPerRequest: null,
  action: 'block',
  deniesAll: false,
  ...more,
});

const ROLES = [
  role('platform', ['large', 'small'], { maxTokensPerRequest: 16_384 }),
  role('team', ['small'], { maxTokensPerRequest: 4_096 }),
  role('free', ['small']),
  role('read-only', [], { deniesAll: true }),
  role('nobody', []),
  role('watched', ['small'], { action: 'flag' }),
];

function ask(
  roles: readonly string[],
  model: string,
  more: Partial<StepContext> = {},
  defaultRole: Role | null = null,
): StepVerdict {
  return rbac({ roles: ROLES, defaultRole }).evaluate({
    model,
    roles,
    maxOutputTokens: null,
    choices: 1,
    generates: true,
    parts: [],
    texts: [],
    redactions: new Redactions(),
    ...more,
  });
}

describe('rbac', () => {
  test.each([
    [['team'], 'small', null],
    [['team'], 'large', 'model_not_allowed'],
    [['team', 'platform'], 'large', null],
    [['nobody'], 'small', 'model_not_allowed'],
    [['nobody', 'team'], 'small', null],
    [['read-only'], 'small', 'role_denied'],
    [['read-only', 'platform'], 'small', 'role_denied'],
    [[], 'small', 'no_role'],
    [['stranger'], 'small', 'no_role'],
    [['stranger', 'team'], 'small', null],
    [['team'], 'constructor', 'model_not_allowed'],
    [['watched'], 'large', null],
  ])('with roles %j and model %s answers %j', (roles, model, code) => {
    expect(ask(roles, model).denial?.code ?? null).toBe(code);
  });

  test('records why it refuses, and what it only flags', () => {
    expect(ask(['team'], 'large').findings).toEqual([
      { policy: 'rbac', rule: 'model-not-allowed', action: 'block', count: 1 },
    ]);
    expect(ask(['watched'], 'large').findings).toEqual([
      { policy: 'rbac', rule: 'model-not-allowed', action: 'flag', count: 1 },
    ]);
    expect(ask(['team'], 'large').denial).toMatchObject({ status: 403, policy: 'rbac' });
  });

  test.each([
    [4_096, 1, null],
    [4_097, 1, 'max_tokens_exceeded'],
    [2_048, 2, null],
    [2_049, 2, 'max_tokens_exceeded'],
    [1, 4_096, null],
    [0, 5_000, 'max_tokens_exceeded'],
  ])('of a limit of 4096, %d tokens in each of %d choices answers %j', (maxOutputTokens, choices, code) => {
    expect(ask(['team'], 'small', { maxOutputTokens, choices }).denial?.code ?? null).toBe(code);
  });

  test('gives a request without a limit that of its roles, shared by its choices, and the largest of those that allow', () => {
    expect(ask(['team'], 'small').maxOutputTokens).toBe(4_096);
    expect(ask(['team'], 'small', { choices: 3 }).maxOutputTokens).toBe(1_365);
    expect(ask(['team', 'platform'], 'small').maxOutputTokens).toBe(16_384);
    expect(ask(['team', 'free'], 'small').maxOutputTokens).toBeNull();
    expect(ask(['team'], 'small', { maxOutputTokens: 10 }).maxOutputTokens).toBeNull();
    expect(ask(['team'], 'small', { generates: false }).maxOutputTokens).toBeNull();
  });

  test('takes the default role only for callers without any of the others', () => {
    const [platform] = ROLES;
    expect(ask([], 'large', {}, platform).denial).toBeNull();
    expect(ask(['team'], 'large', {}, platform).denial?.code).toBe('model_not_allowed');
  });
});
