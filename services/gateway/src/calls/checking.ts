import type { Logger } from '@tollgate/telemetry';
import type { Endpoint } from '../body/request-body.ts';
import { type Refusal, refuse } from '../errors.ts';
import type { ChainAnswer, ChainQuestion, RequestChain, Target } from '../policy/policy.ts';

/** What the chain lets on, and what it found. */
export type Checked = Extract<ChainAnswer, { refusal: null }>;

/** Asks the chain about a request; null where it failed, and the request must not be sent. */
export function askChain(chain: RequestChain, question: ChainQuestion, log: Logger): ChainAnswer | null {
  try {
    return chain.decide(question);
  } catch (error) {
    // No more than its kind: a message might quote the request.
    const kind = error instanceof Error ? error.name : typeof error;
    log.error({ kind, code: 'policy_failed' }, 'request not checked, so not sent');
    return null;
  }
}

/** The lesser of two limits, either of which may be none. */
export function leastLimit(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}

/** Why a target can't serve this endpoint; null where it can. */
export function unservable(target: Target | null, endpoint: Endpoint): Refusal | null {
  if (target === null) return refuse('model_not_found');
  const task = endpoint === 'embeddings' ? 'embeddings' : 'chat';
  if (target.task === null || target.task === task) return null;
  return refuse('model_not_for_endpoint', { param: 'model' });
}
