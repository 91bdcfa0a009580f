import { PASSED, type PolicyStep, type StepContext, type StepVerdict } from '../chain/policy-step.ts';
import type { RbacSettings, Role } from '../configuration/policies/policy-settings.ts';

/**
 * Whether a caller's roles allow the model and the length that are asked for. Roles add up: a model is allowed if any of the
 * caller's roles allows it, with the largest limit of those that do. A role that denies everything outweighs all others.
 *
 * The limit is on what one request may have generated, so it is shared by all the answers that it asks for, and a request
 * without a limit of its own is given one.
 */
export function rbac(settings: RbacSettings): PolicyStep {
  const roles = new Map(settings.roles.map((role) => [role.name, new CompiledRole(role)]));
  const fallback = settings.defaultRole === null ? null : (roles.get(settings.defaultRole.name) ?? null);
  return {
    name: 'rbac',
    readsTexts: false,
    evaluate(context) {
      const held = context.roles.map((name) => roles.get(name)).filter((role) => role !== undefined);
      if (held.length === 0 && fallback !== null) held.push(fallback);
      if (held.length === 0) return refused('no_role', 'no-role', 'None of your roles may use models here.');
      if (held.some(({ deniesAll }) => deniesAll)) {
        return refused('role_denied', 'role-denied', 'One of your roles may use no model.');
      }
      return judge(held, context);
    },
  };
}

class CompiledRole {
  readonly deniesAll: boolean;
  readonly action: Role['action'];
  readonly maxTokens: number;
  readonly #models: ReadonlySet<string>;

  constructor({ deniesAll, action, maxTokensPerRequest, allowedModels }: Role) {
    this.deniesAll = deniesAll;
    this.action = action;
    this.maxTokens = maxTokensPerRequest ?? Number.POSITIVE_INFINITY;
    this.#models = new Set(allowedModels);
  }

  allows(model: string): boolean {
    return this.#models.has(model);
  }
}

function judge(roles: readonly CompiledRole[], context: StepContext): StepVerdict {
  const allowing = roles.filter((role) => role.allows(context.model));
  if (allowing.length === 0) {
    if (roles.some(({ action }) => action === 'flag')) {
      return {
        ...PASSED,
        findings: [{ policy: 'rbac', rule: 'model-not-allowed', action: 'flag', count: 1 }],
      };
    }
    return refused('model_not_allowed', 'model-not-allowed', 'Your roles do not allow this model.');
  }
  const limit = Math.max(...allowing.map(({ maxTokens }) => maxTokens));
  if (!context.generates || limit === Number.POSITIVE_INFINITY) return PASSED;
  const each = Math.floor(limit / Math.max(1, context.choices));
  if (each < 1 || (context.maxOutputTokens ?? 0) > each) {
    const message = `Your roles allow ${limit} generated tokens in a request, all its choices together.`;
    return refused('max_tokens_exceeded', 'max-tokens-per-request', message);
  }
  return context.maxOutputTokens === null ? { ...PASSED, maxOutputTokens: each } : PASSED;
}

function refused(code: string, rule: string, message: string): StepVerdict {
  return {
    ...PASSED,
    denial: { policy: 'rbac', code, status: 403, message },
    findings: [{ policy: 'rbac', rule, action: 'block', count: 1 }],
  };
}
