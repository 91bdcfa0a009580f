import type { Attribution } from '@tollgate/events';
import type { Caller } from '../callers/caller.ts';
import type { Policy } from '../policy/policy.ts';
import type { Target } from '../routing/target.ts';

interface Texts {
  readonly policy: Policy;
  /** By target id; a policy has few. */
  readonly byTarget: Map<string, { readonly target: Target; readonly model: string; readonly text: string }>;
}

/** The attribution of a request as the three events carry it. */
export function attributionOf(
  caller: Caller,
  policy: Policy,
  requestedModel: string | null,
  target: Target | null,
): Attribution {
  return {
    organisation_id: caller.organisationId,
    team_id: caller.teamId,
    project_id: caller.projectId,
    cost_centre_id: caller.costCentreId,
    principal_type: caller.principalType,
    principal_id: caller.principalId,
    key_id: caller.keyId,
    requested_model: requestedModel,
    served_model: target === null ? null : answeringModel(target),
    target_id: target?.id ?? null,
    serving_mode: target?.servingMode ?? null,
    region: target?.region ?? null,
    tags: { ...caller.tags },
    policy: { name: policy.version.name, version: policy.version.version, digest: policy.version.digest },
  };
}

/** The attribution of an attempt at a target, where that of its request names another one. */
export function attributionAt(attribution: Attribution, target: Target): Attribution {
  return {
    ...attribution,
    served_model: answeringModel(target),
    target_id: target.id,
    serving_mode: target.servingMode,
    region: target.region,
  };
}

/**
 * Attributions as JSON text, written once per key and target rather than once per event. A caller object stands
 * for one version of a key, so a changed key gets new texts and the old ones go with it.
 */
export class AttributionTexts {
  readonly #texts = new WeakMap<Caller, Texts>();

  /** The member `"attribution":{…}`. */
  text(caller: Caller, policy: Policy, requestedModel: string | null, target: Target | null): string {
    if (target === null || requestedModel === null) return member(caller, policy, requestedModel, target);
    let texts = this.#texts.get(caller);
    if (texts === undefined || texts.policy !== policy) {
      texts = { policy, byTarget: new Map() };
      this.#texts.set(caller, texts);
    }
    const known = texts.byTarget.get(target.id);
    if (known !== undefined && known.target === target && known.model === requestedModel) return known.text;
    const text = member(caller, policy, requestedModel, target);
    texts.byTarget.set(target.id, { target, model: requestedModel, text });
    return text;
  }
}

/** What answers: the model that is called, or the one that it is redirected to. */
function answeringModel({ catalogued, servedModel }: Target): string {
  return catalogued.answeringModel ?? servedModel;
}

function member(caller: Caller, policy: Policy, model: string | null, target: Target | null): string {
  return `"attribution":${JSON.stringify(attributionOf(caller, policy, model, target))}`;
}

/** The `usage_context` that a call carries upstream: whom Databricks' own usage tables may attribute it to. */
export class UsageContextTexts {
  readonly #texts = new WeakMap<Caller, string>();

  text(caller: Caller): string {
    let text = this.#texts.get(caller);
    if (text === undefined) {
      text = usageContext(caller);
      this.#texts.set(caller, text);
    }
    return text;
  }
}

function usageContext(caller: Caller): string {
  const members: readonly (readonly [string, string | null])[] = [
    ['organisation', caller.organisationId],
    ['team', caller.teamId],
    ['project', caller.projectId],
    ['cost_center', caller.costCentreId],
    ['key', caller.keyId],
  ];
  return JSON.stringify(Object.fromEntries(members.filter(([, value]) => value !== null)));
}
