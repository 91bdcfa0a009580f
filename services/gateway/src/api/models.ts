import type { Caller } from '../callers/caller.ts';
import type { Policy } from '../policy/policy.ts';

/** A model as OpenAI's API tells of one. */
interface Model {
  readonly id: string;
  readonly object: 'model';
  readonly created: number;
  readonly owned_by: string;
}

/** OpenAI's list of models: those that this caller may use. */
export function listModels(policy: Policy, caller: Caller): { object: 'list'; data: Model[] } {
  const { chain, models } = policy;
  const allowed = chain === null ? models : models.filter((model) => chain.allows(caller, model));
  return { object: 'list', data: allowed.map(modelOf) };
}

/** One model; null where there is none of this name, or none that this caller may use. */
export function describeModel({ chain, models }: Policy, caller: Caller, name: string): Model | null {
  if (!models.includes(name) || (chain !== null && !chain.allows(caller, name))) return null;
  return modelOf(name);
}

function modelOf(id: string): Model {
  return { id, object: 'model', created: 0, owned_by: 'tollgate' };
}
