import type { PayloadCapture } from '@tollgate/policy';
import type { Caller } from '../callers/caller.ts';
import { CallPayloads, type PayloadsParts } from './call-payloads.ts';

const DAY_MS = 86_400_000;

/** What a captured call's payloads are found, kept and erased by. */
export interface CapturedCall {
  readonly requestId: string;
  readonly caller: Caller;
  readonly endUser: string | null;
  readonly requestedAtMs: number;
  /** Of the events; null: the vault's own default. */
  readonly retentionDays: number | null;
}

/** Keeps bodies for the payload vault, where a route asks for it. One per gateway. */
export class Payloads {
  readonly #parts: PayloadsParts;

  constructor(parts: PayloadsParts) {
    this.#parts = parts;
  }

  /**
   * Begins with a call that is about to go upstream, whose body is kept as it goes there: after redaction, before the
   * gateway's own members are put in.
   *
   * @returns null where the body can't be kept and the route requires it: the call must not be made
   */
  begin(capture: PayloadCapture, call: CapturedCall, body: Buffer): CallPayloads | null {
    const { caller, requestedAtMs } = call;
    const days = capture.retentionDays ?? call.retentionDays;
    const facts = {
      request_id: call.requestId,
      organisation_id: caller.organisationId,
      team_id: caller.teamId,
      principal_type: caller.principalType,
      principal_id: caller.principalId,
      end_user: call.endUser,
      requested_at: new Date(requestedAtMs).toISOString(),
      retain_until: days === null ? null : new Date(requestedAtMs + days * DAY_MS).toISOString(),
    };
    const payloads = new CallPayloads(this.#parts, capture, facts);
    if (capture.requests && !payloads.takeRequest(body)) return null;
    // What is to come could not be kept either.
    if (capture.mode === 'required' && this.#parts.key() === null) return null;
    return payloads;
  }
}
