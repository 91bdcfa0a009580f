import { type AdminData, serializeEvent } from '@tollgate/events';
import type { Logger } from '@tollgate/telemetry';
import type { Clock } from '../clock.ts';
import type { IdSource } from '../events/ids.ts';
import type { Policy } from '../policy/policy.ts';
import type { Spool } from '../spool/spool.ts';
import type { Arrival } from './arrival.ts';

/** The largest such event: names and codes, and what an evaluation found. */
const MAX_EVENT_BYTES = 48 * 1024;

/** How long an event may take to be written before its access is given up. */
const WRITE_TIMEOUT_MS = 5000;

/** What a caller has read, or tried to. */
export interface Access {
  readonly action: 'models.list' | 'models.read' | 'policy.evaluate';
  readonly target: string;
  /** The code that the caller was given; null: it was served. */
  readonly code: string | null;
  /** What else there is to say, without any text of the caller's. */
  readonly details: Readonly<Record<string, unknown>>;
}

export interface AccessLogParts {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly spool: Spool;
  readonly log: Logger;
}

/**
 * Records readings besides inference, where the policy says that all access is logged (`log_all_access`): as the events by
 * which the services tell of theirs.
 */
export class AccessLog {
  readonly #parts: AccessLogParts;

  constructor(parts: AccessLogParts) {
    this.#parts = parts;
  }

  /**
   * Resolves once the access may be seen by its caller: when its event is written, or no event is asked for. False where it
   * could not be recorded and the policy serves nothing unrecorded.
   */
  async record({ requestId, caller }: Arrival, policy: Policy, access: Access): Promise<boolean> {
    if (!policy.logsAllAccess) return true;
    const { log } = this.#parts;
    try {
      const data: AdminData = {
        actor: { type: caller.principalType, id: caller.principalId },
        organisation_id: caller.organisationId,
        action: access.action,
        target: access.target,
        outcome: access.code === null ? 'done' : 'refused',
        code: access.code,
        reason: null,
        details: {
          request_id: requestId,
          team_id: caller.teamId,
          key_id: caller.keyId,
          policy: policy.version,
          ...access.details,
        },
      };
      await this.#write(data);
      return true;
    } catch (error) {
      log.error({ err: error, code: 'audit_unavailable', action: access.action }, 'access not recorded');
      return !policy.audited;
    }
  }

  #write(data: AdminData): Promise<void> {
    const { clock, ids, spool } = this.#parts;
    if (!spool.hasRoom(MAX_EVENT_BYTES)) throw new Error('the spool is full');
    const draft = {
      type: 'tollgate.admin.v1' as const,
      id: ids.next(),
      subject: data.target,
      time: new Date(clock.now()).toISOString(),
      data,
    };
    const event = serializeEvent(draft, spool.source, Number(spool.nextSequence()));
    const position = spool.append(draft.type, event.toString('utf8'));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the spool did not write in time')), WRITE_TIMEOUT_MS);
      spool.after('relaxed', position, (error) => {
        clearTimeout(timer);
        if (error === null) resolve();
        else reject(error);
      });
    });
  }
}
