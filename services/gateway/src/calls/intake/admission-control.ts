import { writeRefusal } from '../../api/answers.ts';
import { addressPrefix } from '../../callers/address-prefix.ts';
import type { RejectionCounter } from '../../callers/rejections.ts';
import { refuse } from '../../errors.ts';
import type { CallEnvironment } from '../environment.ts';
import { roomForAnotherRequest } from '../room.ts';
import type { Admittance, Incoming } from './incoming.ts';

export interface AdmissionControlParts {
  readonly env: CallEnvironment;
  readonly rejections: RejectionCounter;
  /** Whether the directory was heard of recently enough to trust keys on audited routes. */
  readonly directoryFresh: () => boolean;
  readonly maxInFlight: number;
  /** Told of each call that passes without a record because the spool is full. */
  readonly countUnrecorded: () => void;
}

/**
 * Whether a request can be taken on and accounted for just now. One that can't is refused and counted with the
 * rejections of its minute, because an event of its own would need what is missing.
 */
export class AdmissionControl {
  readonly #parts: AdmissionControlParts;

  constructor(parts: AdmissionControlParts) {
    this.#parts = parts;
  }

  /** `refused`: answered already. */
  admit(incoming: Incoming): Admittance | 'refused' {
    const { env, directoryFresh, maxInFlight, countUnrecorded } = this.#parts;
    const { audited } = incoming.policy;
    if (audited && !directoryFresh()) return this.refuse(incoming, 'directory_stale');
    if (env.running.size >= maxInFlight) return this.refuse(incoming, 'overloaded');
    if (roomForAnotherRequest(env)) return 'recorded';
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
