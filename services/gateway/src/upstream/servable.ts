import type { Protocol } from '../body/protocol.ts';
import { type Refusal, refuse } from '../errors.ts';
import type { Target } from '../policy/policy.ts';

/**
 * Why a target can't serve a body of this protocol; null where it can.
 *
 * @param path where the target takes such a call; null: nowhere
 */
export function unservable(target: Target, protocol: Protocol, path: string | null): Refusal | null {
  if (path !== null && serves(target, protocol)) return null;
  return refuse('model_not_for_endpoint', { param: 'model' });
}

/** Rows go to MLflow models alone: no limit on tokens holds for them, so they may not reach a model that has any. */
function serves({ task, servingMode }: Target, protocol: Protocol): boolean {
  if (protocol === 'custom') return servingMode === 'custom';
  return task === null || task === (protocol === 'embeddings' ? 'embeddings' : 'chat');
}
