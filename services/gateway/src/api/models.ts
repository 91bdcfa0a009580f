import type { Caller } from '../callers/caller.ts';
import type { Policy } from '../policy/policy.ts';

/** OpenAI's list of models: those that this caller may use. */
export function listModels(
  policy: Policy,
  caller: Caller,
): { object: 'list'; data: { id: string; object: 'model'; created: number; owned_by: string }[] } {
  const { chain, models } = policy;
  const allowed = chain === null ? models : models.filter((model) => chain.allows(caller, model));
  return {
    object: 'list',
    data: allowed.map((id) => ({ id, object: 'model', created: 0, owned_by: 'tollgate' })),
  };
}
