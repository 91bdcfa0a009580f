import { enqueue } from '@tollgate/bus';
import { type Pool, transaction } from '@tollgate/database';
import { uuidV7 } from '@tollgate/events';
import type { Principal } from '@tollgate/http';

/** Somebody has read the trail, and this is what for. */
export interface Reading {
  readonly principal: Principal;
  readonly action: 'audit.search' | 'audit.read-request' | 'audit.prove';
  readonly target: string;
  /** What was asked, without secrets. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Writes a reading down, before what was read is handed out. */
export type RecordReading = (reading: Reading) => Promise<void>;

/**
 * An admin event for each reading by a person. Programs poll and replay; they are none.
 * @param now epoch milliseconds
 */
export function recordReadings(pool: Pool, now: () => number): RecordReading {
  return async ({ principal, action, target, details }) => {
    if (principal.type !== 'user') return;
    const nowMs = now();
    await transaction(pool, (tx) =>
      enqueue(tx, [
        {
          key: target,
          draft: {
            type: 'tollgate.admin.v1',
            id: uuidV7(nowMs),
            subject: target,
            time: new Date(nowMs).toISOString(),
            data: {
              actor: { type: principal.type, id: principal.id },
              organisation_id: principal.organisationId,
              action,
              target,
              outcome: 'done',
              code: null,
              reason: null,
              details: { ...details },
            },
          },
        },
      ]),
    );
  };
}
