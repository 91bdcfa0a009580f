import type { Caller } from '../callers/caller.ts';
import type { Policy } from '../policy/policy.ts';

/** OpenAI's list of models: those that this caller may use. */
export function listModels(
  policy: Policy,
  _caller: Caller,
): { object: 'list'; data: { id: string; object: 'model'; created: number; owned_by: string }[] } {
  return {
    object: 'list',
    data: policy.models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'tollgate' })),
  };
}
