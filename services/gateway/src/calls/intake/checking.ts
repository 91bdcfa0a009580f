import type { Finding } from '@tollgate/policy';
import type { Logger } from '@tollgate/telemetry';
import { limitedTo, needsOutputLimit } from '../../budgets/bounds.ts';
import type { ChainAnswer, ChainQuestion, PendingAnswer, RequestChain } from '../../policy/policy.ts';
import type { Route } from '../../routing/route.ts';
import type { Target } from '../../routing/target.ts';

/** What the chain lets on, and what it found. */
export type Checked = Extract<ChainAnswer, { refusal: null }>;

/** Asks the chain about a request; null where it failed, and the request must not be sent. */
export function askChain(
  chain: RequestChain,
  question: ChainQuestion,
  log: Logger,
): ChainAnswer | PendingAnswer | null {
  try {
    return chain.decide(question);
  } catch (error) {
    return failed(error, log);
  }
}

/** Has the rest of the chain decide once the judge has spoken; null where it failed, and the request must not be sent. */
export async function askJudge(
  pending: PendingAnswer,
  signal: AbortSignal,
  log: Logger,
): Promise<ChainAnswer | null> {
  try {
    return await pending.judge(signal);
  } catch (error) {
    return failed(error, log);
  }
}

function failed(error: unknown, log: Logger): null {
  // No more than its kind: a message might quote the request.
  const kind = error instanceof Error ? error.name : typeof error;
  log.error({ kind, code: 'policy_failed' }, 'request not checked, so not sent');
  return null;
}

/** What the catalogue notes on a target, and what the chain found. */
export function withNotes(
  { catalogued: { findings: notes } }: Target,
  findings: readonly Finding[],
): readonly Finding[] {
  return notes.length === 0 ? findings : [...notes, ...findings];
}

/** The lesser of two limits, either of which may be none. */
export function leastLimit(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.min(one, other);
}

/** What the chain lets on, with the route's own limit where the request limits its answer by nothing. */
export function limitedByRoute(checked: Checked, route: Route): Checked {
  const { defaultMaxOutputTokens } = route;
  if (defaultMaxOutputTokens === null || !needsOutputLimit(checked.facts)) return checked;
  const limit = Math.min(defaultMaxOutputTokens, checked.outputLimit ?? defaultMaxOutputTokens);
  return { ...checked, facts: limitedTo(checked.facts, limit), outputLimit: limit };
}
