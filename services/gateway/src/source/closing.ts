import { type EventDraft, parseEvent, type TollgateEvent } from '@tollgate/events';
import { estimateTokens } from '../metering/estimate.ts';
import type { OpenRequest } from './open-requests.ts';

/** The code and outcome of what ended with its gateway. */
const LOST = 'gateway-lost';

type Closing = EventDraft<'tollgate.usage.v1'> | EventDraft<'tollgate.decision.v1'>;

/**
 * The event that ends a request whose gateway ended first: a final usage estimated from the body's size and the
 * last progress frame, or, where nothing had been decided, a rejection. It repeats the attribution of the last
 * event there was. Null where the spool's own events can't be read, which is a defect.
 *
 * @param at RFC 3339 UTC: when it is said
 */
export function closingOf(open: OpenRequest, id: string, at: string): Closing | null {
  const request = eventOf(open.request, 'tollgate.request.v1');
  if (request === null) return null;
  const base = {
    id,
    subject: open.requestId,
    time: at,
    ...(request.traceparent === undefined ? {} : { traceparent: request.traceparent }),
  };
  if (open.allowed === null) {
    const { attribution, requested_at, client_request_id, retain_until } = request.data;
    return {
      ...base,
      type: 'tollgate.decision.v1',
      data: {
        attribution,
        requested_at,
        client_request_id,
        retain_until,
        phase: 'request',
        outcome: 'rejected',
        code: LOST,
        findings: [],
        lease_ids: [],
      },
    };
  }
  const decision = eventOf(open.allowed, 'tollgate.decision.v1');
  const attempted = open.attempted === null ? null : eventOf(open.attempted, 'tollgate.usage.v1');
  if (decision === null) return null;
  const { attribution, requested_at, client_request_id, retain_until } = (attempted ?? decision).data;
  const outputBytes = open.progress?.outputBytes ?? 0;
  const outputTokens = open.progress?.outputTokens ?? 0;
  return {
    ...base,
    type: 'tollgate.usage.v1',
    data: {
      attribution,
      requested_at,
      client_request_id,
      retain_until,
      attempt: (attempted?.data.attempt ?? 0) + 1,
      final: true,
      outcome: LOST,
      fidelity: 'estimated',
      quantities: {
        input_tokens: estimateTokens(request.data.body_bytes),
        output_tokens: outputTokens > 0 ? outputTokens : estimateTokens(outputBytes),
        cached_input_tokens: 0,
        cache_creation_tokens: 0,
        reasoning_tokens: 0,
      },
      upstream_status: null,
      status: null,
      stream: request.data.stream,
      output_bytes: outputBytes,
      // How long it ran is not known: the process that measured it is gone.
      duration_us: 0,
      first_byte_us: null,
      finished_at: at,
      lease_ids: decision.data.lease_ids,
    },
  };
}

function eventOf<T extends TollgateEvent['type']>(bytes: Buffer, type: T): TollgateEvent<T> | null {
  const parsed = parseEvent(bytes);
  if (parsed.kind !== 'event' || parsed.event.type !== type) return null;
  // The type was compared; TypeScript does not narrow the union by a generic.
  return parsed.event as TollgateEvent<T>;
}
