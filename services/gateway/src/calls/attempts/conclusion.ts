import type { Quantities, UsageData, UsageOutcome } from '@tollgate/events';
import type { OutputBlock } from '@tollgate/policy';
import type { Clock } from '../../clock.ts';
import { type Refusal, refuse } from '../../errors.ts';
import { askedToWaitMs, upstreamRefusal } from '../../upstream/error-body.ts';
import type { Attempt } from './attempt.ts';
import { NO_QUANTITIES } from './upstream-answer.ts';

/** What an upstream that ends a stream with an error of its own is taken to have answered. */
const STREAM_ERROR_STATUS = 500;

/** How an attempt ended, or a call with its last one. */
export interface Ending {
  readonly outcome: UsageOutcome;
  readonly quantities: Quantities;
  readonly fidelity: UsageData['fidelity'];
}

/** What it amounts to that an upstream has answered to its end. */
export type Conclusion = Final | Missed;

/** Nobody else is asked. */
interface Final extends Ending {
  readonly missed: false;
  /** What the caller is told in place of the answer, or at its end; null where the answer is passed on. */
  readonly refusal: Refusal | null;
}

/** The attempt came to nothing by the upstream's fault: another target may still answer. */
interface Missed extends Ending {
  readonly missed: true;
  /** What the caller is told if none does. */
  readonly refusal: Refusal;
}

/**
 * Judges an attempt by its whole answer, and leaves its target alone for as long as the upstream asks.
 *
 * @param maxRestMs the longest that it is
 */
export function conclude(attempt: Attempt, clock: Clock, maxRestMs: number): Conclusion {
  const { answer, target } = attempt;
  const { stream } = answer;
  const status = answer.status ?? 200;
  if (status >= 300) return concludeError(attempt, status, clock.now(), maxRestMs);
  if (stream !== null && stream.error !== null) {
    attempt.judge('failure');
    const { error } = stream;
    const refusal = upstreamRefusal(STREAM_ERROR_STATUS, undefined, error, clock.now(), target.upstream);
    return { ...partlyUsed(attempt, 'failed'), missed: true, refusal };
  }
  if (stream !== null && stream.bytes === 0) {
    attempt.judge('failure');
    return { ...partlyUsed(attempt, 'failed'), missed: true, refusal: refuse('upstream_broke') };
  }
  if (stream?.failed) {
    // Its last event says so in the caller's own protocol, and goes on as it came.
    attempt.judge('failure');
    return failed(attempt, null);
  }
  attempt.judge('success');
  if (stream === null && !answer.passesGuard()) return unexpected(attempt);
  if (answer.blocked !== null) return concludeBlocked(attempt, answer.blocked);
  const stated = answer.stated();
  if (stated === null && stream === null && !isJson(answer.body())) return unexpected(attempt);
  return {
    outcome: 'completed',
    quantities: stated ?? answer.estimated(),
    fidelity: stated === null ? 'estimated' : 'provider',
    missed: false,
    refusal: null,
  };
}

/** An answer that holds what a policy blocks: the target did its part. */
export function concludeBlocked(attempt: Attempt, block: OutputBlock): Conclusion {
  attempt.judge('success');
  return failed(attempt, refuse('output_blocked', { name: block.policy }));
}

/** What an attempt had used until now counts, unless nothing was ever sent. */
export function partlyUsed(attempt: Attempt | null, outcome: UsageOutcome): Ending {
  if (attempt === null || !attempt.sent) return { outcome, quantities: NO_QUANTITIES, fidelity: 'counted' };
  const { answer } = attempt;
  return { outcome, quantities: answer.stream?.usage ?? answer.estimated(), fidelity: 'partial' };
}

function concludeError(attempt: Attempt, status: number, nowMs: number, maxRestMs: number): Conclusion {
  const { answer, target } = attempt;
  attempt.judge(status >= 500 ? 'failure' : 'success');
  const body = answer.body();
  const waitMs = askedToWaitMs(status, answer.retryAfter, body, nowMs);
  if (waitMs !== null) attempt.rest(Math.min(waitMs, maxRestMs), status);
  const refusal = upstreamRefusal(status, answer.retryAfter, body, nowMs, target.upstream);
  const stated = answer.stated();
  const fidelity = stated === null ? 'counted' : 'provider';
  const missed = status === 429 || status >= 500;
  return { outcome: 'failed', quantities: stated ?? NO_QUANTITIES, fidelity, missed, refusal };
}

/** An answer that was given to its end, or cut off, and is no success. */
function failed(attempt: Attempt, refusal: Refusal | null): Conclusion {
  const { answer } = attempt;
  const stated = answer.stream === null || answer.stream.ended ? answer.stated() : null;
  if (stated === null) return { ...partlyUsed(attempt, 'failed'), missed: false, refusal };
  return { outcome: 'failed', quantities: stated, fidelity: 'provider', missed: false, refusal };
}

/** An answer that nobody can read. */
function unexpected(attempt: Attempt): Conclusion {
  const refusal = refuse('upstream_unexpected');
  return { ...partlyUsed(attempt, 'failed'), missed: false, refusal };
}

function isJson(body: Buffer): boolean {
  try {
    JSON.parse(body.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}
