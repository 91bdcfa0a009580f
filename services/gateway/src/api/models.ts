import type { Caller } from '../callers/caller.ts';
import { BarredRoute } from '../catalog/barred-route.ts';
import type { Policy } from '../policy/policy.ts';

/** A model as OpenAI's API tells of one. */
interface Model {
  readonly id: string;
  readonly object: 'model';
  readonly created: number;
  readonly owned_by: string;
}

/** OpenAI's list of models: those that this caller may use, at `nowMs` since the epoch. */
export function listModels(policy: Policy, caller: Caller, nowMs: number): { object: 'list'; data: Model[] } {
  const allowed = policy.models.filter((model) => offers(policy, caller, model, nowMs));
  return { object: 'list', data: allowed.map(modelOf) };
}

/** One model; null where there is none of this name, or none that this caller may use. */
export function describeModel(policy: Policy, caller: Caller, name: string, nowMs: number): Model | null {
  return policy.models.includes(name) && offers(policy, caller, name, nowMs) ? modelOf(name) : null;
}

function offers(policy: Policy, caller: Caller, model: string, nowMs: number): boolean {
  const { chain } = policy;
  const route = policy.routeFor(model, nowMs);
  if (route === null || route instanceof BarredRoute) return false;
  return chain === null || chain.allows(caller, model);
}

function modelOf(id: string): Model {
  return { id, object: 'model', created: 0, owned_by: 'tollgate' };
}
