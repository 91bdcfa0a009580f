import { randomUUID } from 'node:crypto';
import { type EventDraft, serializeEvent, uuidV7 } from '@tollgate/events';

/** The model of every usage in the stream; it has a price. */
export const MODEL = 'databricks-meta-llama-3-3-70b-instruct';
export const ORGANISATION = 'org_bench';
const TEAMS = 5;
const KEYS = 20;
const EVENTS_OF_REQUEST = 3;

/** Usage events as one gateway emits them, numbered without a hole, over a handful of teams and keys. */
export class UsageStream {
  readonly #source = `/gateways/bench/${randomUUID()}`;
  #sequence = 0;

  next(count: number, nowMs = Date.now()): Buffer[] {
    return Array.from({ length: count }, (_, n) => {
      this.#sequence += 1;
      return serializeEvent(usage(this.#sequence, nowMs + Math.floor(n / 100)), this.#source, this.#sequence);
    });
  }
}

/** Requests as one gateway emits them: a request, a decision and a final usage event each, side by side. */
export class RequestStream {
  readonly #source = `/gateways/bench/${randomUUID()}`;
  #sequence = 0;

  /** @param count of events; whole requests */
  next(count: number, nowMs = Date.now()): Buffer[] {
    return Array.from({ length: Math.floor(count / EVENTS_OF_REQUEST) }, (_, n) =>
      this.#request(nowMs + Math.floor(n / 100)),
    ).flat();
  }

  #request(atMs: number): Buffer[] {
    const last = usage(this.#sequence, atMs);
    const { subject, time } = last;
    const { attribution, requested_at, client_request_id, retain_until } = last.data;
    const context = { attribution, requested_at, client_request_id, retain_until };
    const first: EventDraft<'tollgate.request.v1'> = {
      type: 'tollgate.request.v1',
      id: uuidV7(atMs),
      subject,
      time,
      data: {
        ...context,
        endpoint: 'chat.completions',
        stream: false,
        body_bytes: 2048,
        input_count: 3,
        max_output_tokens: 400,
        end_user: null,
        client_prefix: '10.0.0.0/24',
      },
    };
    const decided: EventDraft<'tollgate.decision.v1'> = {
      type: 'tollgate.decision.v1',
      id: uuidV7(atMs),
      subject,
      time,
      data: { ...context, phase: 'request', outcome: 'allowed', code: null, findings: [], lease_ids: [] },
    };
    return [first, decided, last].map((draft) => {
      this.#sequence += 1;
      return serializeEvent(draft, this.#source, this.#sequence);
    });
  }
}

function usage(n: number, atMs: number): EventDraft<'tollgate.usage.v1'> {
  const at = new Date(atMs).toISOString();
  return {
    type: 'tollgate.usage.v1',
    id: uuidV7(atMs),
    subject: uuidV7(atMs),
    time: at,
    data: {
      attribution: {
        organisation_id: ORGANISATION,
        team_id: `team_${n % TEAMS}`,
        project_id: `project_${n % TEAMS}`,
        cost_centre_id: null,
        principal_type: 'service',
        principal_id: `sp_${n % KEYS}`,
        key_id: `key_${n % KEYS}`,
        requested_model: MODEL,
        served_model: MODEL,
        target_id: 'databricks',
        serving_mode: 'pay-per-token',
        region: 'eu-central-1',
        tags: { app: 'indexer', env: 'prod' },
        policy: { name: 'bench', version: '1.0.0', digest: 'a'.repeat(64) },
      },
      requested_at: at,
      client_request_id: `bench-${n}`,
      retain_until: null,
      attempt: 1,
      final: true,
      outcome: 'completed',
      fidelity: 'provider',
      quantities: {
        input_tokens: 500 + (n % 3000),
        output_tokens: 1 + (n % 400),
        cached_input_tokens: 0,
        cache_creation_tokens: 0,
        reasoning_tokens: 0,
      },
      upstream_status: 200,
      status: 200,
      stream: false,
      output_bytes: 400 + (n % 2000),
      duration_us: 180_000,
      first_byte_us: 90_000,
      finished_at: at,
      lease_ids: [],
    },
  };
}
