import { writeRefusal } from '../api/answers.ts';
import { addressPrefix } from '../callers/address-prefix.ts';
import type { RejectionCounter } from '../callers/rejections.ts';
import { refuse } from '../errors.ts';
import type { CallEnvironment } from './environment.ts';
import type { Incoming } from './incoming.ts';

/** Room that a request is admitted with: its three events, whatever strings they hold. */
const ROOM_PER_REQUEST_BYTES = 24 * 1024;

/** Room kept for the usage event of each call in flight. */
const ROOM_PER_CALL_BYTES = 6 * 1024;

/** Whether the spool has room for one more usage event than it keeps for the calls in flight. */
export function roomForAnotherAttempt({ spool, running }: CallEnvironment): boolean {
  return spool.hasRoom((1 + running.size) * ROOM_PER_CALL_BYTES);
}

export interface AdmissionControlParts {
  readonly env: CallEnvironment;
  readonly rejections: RejectionCounter;
  /** Whether the directory was heard of recently enough to trust keys on audited routes. */
  readonly directoryFresh: () => boolean;
  readonly maxInFlight: number;
  /** Told of each call that passes without a record because the spool is full. */
  readonly countUnrecorded: () => void;
}

/** `recorded`: go on. `unrecorded`: go on without events. `refused`: answered already. */
export type Admittance = 'recorded' | 'unrecorded' | 'refused';

/**
 * Whether a request can be taken on and accounted for just now. One that can't is refused and counted with the
 * rejections of its minute, because an event of its own would need what is missing.
 */
export class AdmissionControl {
  readonly #parts: AdmissionControlParts;

  constructor(parts: AdmissionControlParts) {
    this.#parts = parts;
  }

  admit(incoming: Incoming): Admittance {
    const { env, directoryFresh, maxInFlight, countUnrecorded } = this.#parts;
    const { audited } = incoming.policy;
    if (audited && !directoryFresh()) return this.refuse(incoming, 'directory_stale');
    if (env.running.size >= maxInFlight) return this.refuse(incoming, 'overloaded');
    if (env.spool.hasRoom(ROOM_PER_REQUEST_BYTES + env.running.size * ROOM_PER_CALL_BYTES)) return 'recorded';
    if (audited) return this.refuse(incoming, 'audit_unavailable');
    countUnrecorded();
    return 'unrecorded';
  }

  refuse(incoming: Incoming, code: 'directory_stale' | 'overloaded' | 'audit_unavailable'): 'refused' {
    const { rejections, env } = this.#parts;
    rejections.count(addressPrefix(incoming.req.socket.remoteAddress), code);
    env.tallies.ended(incoming.endpoint, 'refused');
    writeRefusal(incoming.res, incoming.arrival.requestId, refuse(code));
    return 'refused';
  }
}
