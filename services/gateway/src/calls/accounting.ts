import type { PayloadStatement } from '@tollgate/events';
import type { Finding, OutputBlock } from '@tollgate/policy';
import type { AttemptUse } from '../budgets/amounts.ts';
import type { EventSubject, UsageMembers } from '../events/request-events.ts';
import type { Position } from '../spool/spool.ts';
import type { Admission } from './admission.ts';
import type { Attempt } from './attempts/attempt.ts';
import type { Ending } from './attempts/conclusion.ts';
import { type CallTimes, sinceArrivalUs } from './deadlines.ts';
import type { CallEnvironment } from './environment.ts';

const NO_LEASES: readonly string[] = [];
const NO_FINDINGS: readonly Finding[] = [];
const NO_STATEMENTS: readonly PayloadStatement[] = [];

/** What the end of a call is accounted for with. */
export interface LastEnding extends Ending {
  /** The last attempt; null where the call ended before there was one, or before the next. */
  readonly attempt: Attempt | null;
  /** Its number; 0 where no upstream was called. */
  readonly number: number;
  /** Names the target of that attempt. */
  readonly subject: EventSubject;
  /** What the attempts before it used; null where there was none. */
  readonly earlier: readonly AttemptUse[] | null;
  /** The status that the caller has been given or is about to be; null where it left before. */
  readonly status: number | null;
}

/**
 * Appends the usage event of an attempt that another one follows.
 *
 * @throws SpoolError where there is no room
 */
export function accountAttempt(
  env: CallEnvironment,
  admission: Admission,
  times: CallTimes,
  subject: EventSubject,
  attempt: Attempt,
  ending: Ending,
): Position | null {
  if (admission.opened === null) return null;
  const durationUs = sinceArrivalUs(times, env.clock.monotonic());
  const { number } = attempt;
  const members = { ...usageOf(admission, times, attempt, ending, durationUs), attempt: number };
  return env.recorder.use(subject, { ...members, final: false, status: null, payloads: NO_STATEMENTS });
}

/**
 * Settles what a call holds of its limits, appends its one final usage event and lets go of its beginning in the spool. False where that failed:
 * then the beginning stays held, and the next start of the gateway closes the request as lost.
 */
export function account(
  env: CallEnvironment,
  admission: Admission,
  times: CallTimes,
  ending: LastEnding,
): boolean {
  const { opened, endpoint, held, payloads } = admission;
  const { outcome, quantities, attempt, subject } = ending;
  const durationUs = sinceArrivalUs(times, env.clock.monotonic());
  env.tallies.ended(endpoint, outcome);
  env.tallies.used(quantities, durationUs);
  if (held !== null) {
    const counted = outcome === 'completed' && ending.fidelity === 'provider';
    const target = attempt?.target ?? admission.target;
    env.budgets?.settle(held, { target, quantities }, counted, ending.earlier);
  }
  const guard = attempt === null ? null : attempt.answer.guard;
  const findings = guard === null ? NO_FINDINGS : guard.findings();
  if (findings.length > 0) env.tallies.found('output', findings);
  if (opened === null) return true;
  try {
    if (guard !== null && findings.length > 0) recordOutput(env, admission, subject, guard.blocked, findings);
    const members = usageOf(admission, times, attempt, ending, durationUs);
    env.recorder.use(subject, {
      ...members,
      attempt: ending.number,
      final: true,
      status: ending.status,
      payloads: payloads === null ? NO_STATEMENTS : payloads.statements,
    });
    opened.hold.release();
    return true;
  } catch (error) {
    env.tallies.unrecorded();
    env.log.error({ err: error, request_id: subject.requestId }, 'usage not stored');
    return false;
  }
}

/** The decision about the answer. @throws SpoolError where there is no room */
function recordOutput(
  { recorder }: CallEnvironment,
  { held }: Admission,
  subject: EventSubject,
  blocked: OutputBlock | null,
  findings: readonly Finding[],
): void {
  const leaseIds = held?.reservation.leaseIds ?? NO_LEASES;
  if (blocked === null)
    recorder.decideOutput(subject, { outcome: 'allowed', code: null, findings, leaseIds });
  else recorder.decideOutput(subject, { outcome: 'denied', code: 'output_blocked', findings, leaseIds });
}

function usageOf(
  { facts, held }: Admission,
  times: CallTimes,
  attempt: Attempt | null,
  { outcome, fidelity, quantities }: Ending,
  durationUs: number,
): Omit<UsageMembers, 'attempt' | 'final' | 'status' | 'payloads'> {
  const firstByteMs = attempt?.firstByteMs ?? 0;
  return {
    outcome,
    fidelity,
    quantities,
    upstream_status: attempt?.answer.status ?? null,
    stream: facts.stream,
    output_bytes: attempt?.answer.bytes ?? 0,
    duration_us: durationUs,
    leaseIds: held?.reservation.leaseIds ?? NO_LEASES,
    first_byte_us: firstByteMs === 0 ? null : sinceArrivalUs(times, firstByteMs),
  };
}
