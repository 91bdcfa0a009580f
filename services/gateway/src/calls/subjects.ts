import type { IncomingMessage } from 'node:http';
import { MAX_MODEL_CHARACTERS } from '../body/request-body.ts';
import { type Arrival, clientRequestId, traceparent } from '../callers/arrival.ts';
import type { AttributionTexts } from '../events/attribution-text.ts';
import type { EventSubject, RequestEvents } from '../events/request-events.ts';
import type { Policy } from '../policy/policy.ts';
import type { Target } from '../routing/target.ts';

/** Writes what the events of a request, or of one attempt of it, share. */
export class Subjects {
  readonly #events: RequestEvents;
  readonly #attributions: AttributionTexts;

  constructor(events: RequestEvents, attributions: AttributionTexts) {
    this.#events = events;
    this.#attributions = attributions;
  }

  /**
   * @param model that was asked for; null where the body did not say
   * @param target that serves it; null where none does
   */
  of(
    arrival: Arrival,
    policy: Policy,
    { headers }: IncomingMessage,
    model: string | null,
    target: Target | null,
  ): EventSubject {
    const named = model === null ? null : model.slice(0, MAX_MODEL_CHARACTERS);
    return {
      requestId: arrival.requestId,
      traceparent: traceparent(headers['traceparent']),
      context: this.#events.context(
        this.#attributions.text(arrival.caller, policy, named, target),
        arrival.requestedAtMs,
        clientRequestId(headers['x-request-id']),
        policy.retentionDays,
      ),
    };
  }
}
