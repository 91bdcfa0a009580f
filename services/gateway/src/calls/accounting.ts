import type { Quantities, UsageData, UsageOutcome } from '@tollgate/events';
import type { Admission } from './admission.ts';
import type { CallTimes } from './deadlines.ts';
import type { CallEnvironment } from './environment.ts';
import type { UpstreamAnswer } from './upstream-answer.ts';

const NO_LEASES: readonly string[] = [];

/** How a call ended. */
export interface Ending {
  readonly outcome: UsageOutcome;
  readonly quantities: Quantities;
  readonly fidelity: UsageData['fidelity'];
  /** 0 where no upstream was called. */
  readonly attempt: number;
  /** The status that the caller has been given or is about to be; null where it left before. */
  readonly status: number | null;
}

/**
 * Settles what a call holds of its limits, appends its one final usage event and lets go of its beginning in the spool. False where that failed:
 * then the beginning stays held, and the next start of the gateway closes the request as lost.
 */
export function account(
  env: CallEnvironment,
  admission: Admission,
  answer: UpstreamAnswer,
  times: CallTimes,
  ending: Ending,
): boolean {
  const { opened, subject, facts, endpoint, held } = admission;
  const durationUs = times.sinceArrivalUs(env.clock.monotonic());
  env.tallies.ended(endpoint, ending.outcome);
  env.tallies.used(ending.quantities, durationUs);
  if (held !== null) {
    const counted = ending.outcome === 'completed' && ending.fidelity === 'provider';
    env.budgets?.settle(held, ending.quantities, counted);
  }
  if (opened === null) return true;
  try {
    env.recorder.use(subject, {
      attempt: ending.attempt,
      final: true,
      outcome: ending.outcome,
      fidelity: ending.fidelity,
      quantities: ending.quantities,
      upstream_status: answer.status,
      status: ending.status,
      stream: facts.stream,
      output_bytes: answer.bytes,
      duration_us: durationUs,
      leaseIds: held?.reservation.leaseIds ?? NO_LEASES,
      first_byte_us: times.firstByteMs === 0 ? null : times.sinceArrivalUs(times.firstByteMs),
    });
    opened.hold.release();
    return true;
  } catch (error) {
    env.tallies.unrecorded();
    env.log.error({ err: error, request_id: subject.requestId }, 'usage not stored');
    return false;
  }
}
