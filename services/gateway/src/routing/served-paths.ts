import type { Endpoint, Protocol } from '../body/protocol.ts';
import { type Refusal, refuse } from '../errors.ts';
import type { Target } from './target.ts';

/** Where each protocol is served below a base URL that is OpenAI-compatible; rows of MLflow models are not. */
const OPENAI_PATHS: Readonly<Record<Protocol, string | null>> = {
  chat: '/chat/completions',
  completions: '/completions',
  embeddings: '/embeddings',
  responses: '/responses',
  custom: null,
};

/**
 * Where a call goes below its target's base URL: an invocation to the target's own invocations, if it has any, and
 * everything else to the path that OpenAI gives it. Null where the target takes no such call.
 */
export function upstreamPath(target: Target, endpoint: Endpoint, protocol: Protocol): string | null {
  if (endpoint === 'invocations' || target.onlyInvocations) {
    return target.invocationsPath ?? OPENAI_PATHS[protocol];
  }
  return OPENAI_PATHS[protocol];
}

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
