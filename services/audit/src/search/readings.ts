import { enqueue } from '@tollgate/bus';
import { type Pool, transaction } from '@tollgate/database';
import { uuidV7 } from '@tollgate/events';
import type { Principal } from '@tollgate/http';

/** Somebody has read the trail, and this is what for. */
export interface Reading {
  readonly principal: Principal;
  readonly action:
    | 'audit.search'
    | 'audit.read-request'
    | 'audit.prove'
    | 'audit.replay'
    | 'audit.export'
    | 'audit.bundle';
  readonly target: string;
  /** What was asked, without secrets. */
  readonly details: Readonly<Record<string, unknown>>;
  /** It goes on where an earlier call of the same action ended. */
  readonly continued?: boolean;
}

/** Writes a reading down, before what was read is handed out. */
export type RecordReading = (reading: Reading) => Promise<void>;

/** A poll or a replay that pauses for longer begins a new session. */
const SESSION_IDLE_MS = 15 * 60_000;
/** One that never pauses is written down so often all the same. */
const SESSION_MAX_MS = 24 * 60 * 60_000;
/** Sessions that are remembered, the latest used; a forgotten one is written down again. */
const MAX_SESSIONS = 10_000;

/**
 * An admin event for each reading by a person, and one per session of what a program reads (its token and action) or a
 * person continues (the same question): without a long pause.
 * @param now epoch milliseconds
 */
export function recordReadings(pool: Pool, now: () => number): RecordReading {
  const sessions = new Sessions();
  return async (reading) => {
    const nowMs = now();
    const { principal, action, target, details, continued = false } = reading;
    const isProgram = principal.type !== 'user';
    const session = JSON.stringify([principal.credentialId, action, ...(isProgram ? [] : [target, details])]);
    if ((isProgram || continued) && sessions.goesOn(session, nowMs)) return;
    await transaction(pool, (tx) => enqueue(tx, [entryOf(reading, nowMs)]));
    sessions.begin(session, nowMs);
  };
}

class Sessions {
  readonly #byKey = new Map<string, { readonly beganMs: number; lastMs: number }>();

  goesOn(key: string, nowMs: number): boolean {
    const session = this.#byKey.get(key);
    if (session === undefined) return false;
    if (nowMs - session.lastMs > SESSION_IDLE_MS || nowMs - session.beganMs > SESSION_MAX_MS) return false;
    session.lastMs = nowMs;
    this.#byKey.delete(key);
    this.#byKey.set(key, session);
    return true;
  }

  begin(key: string, nowMs: number): void {
    this.#byKey.delete(key);
    this.#byKey.set(key, { beganMs: nowMs, lastMs: nowMs });
    const oldest = this.#byKey.keys().next();
    if (this.#byKey.size > MAX_SESSIONS && oldest.done !== true) this.#byKey.delete(oldest.value);
  }
}

function entryOf({ principal, action, target, details }: Reading, nowMs: number) {
  return {
    key: target,
    draft: {
      type: 'tollgate.admin.v1' as const,
      id: uuidV7(nowMs),
      subject: target,
      time: new Date(nowMs).toISOString(),
      data: {
        actor: { type: principal.type, id: principal.id },
        organisation_id: principal.organisationId,
        action,
        target,
        outcome: 'done' as const,
        code: null,
        reason: null,
        details: { ...details },
      },
    },
  };
}
