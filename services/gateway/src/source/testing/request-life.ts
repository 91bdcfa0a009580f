import { type EventDraft, serializeEvent } from '@tollgate/events';
import type { Position, Spool } from '../../spool/spool.ts';

const AT = '2026-03-01T09:30:00.000Z';

const context = {
  attribution: {
    organisation_id: 'org_1',
    team_id: 'team_1',
    project_id: null,
    cost_centre_id: null,
    principal_type: 'service' as const,
    principal_id: 'svc_1',
    key_id: 'key_1',
    requested_model: 'm',
    served_model: null,
    target_id: null,
    serving_mode: null,
    region: null,
    tags: { purpose: 'Prüfung "final":true 漢字' },
    policy: { name: 'p', version: '1', digest: '0'.repeat(64) },
  },
  requested_at: AT,
  client_request_id: 'c-1',
  retain_until: null,
};

/** The events of a request's life, as a gateway would append them. */
export class RequestLife {
  readonly #spool: Spool;
  readonly #newId: () => string;

  constructor(spool: Spool, newId: () => string) {
    this.#spool = spool;
    this.#newId = newId;
  }

  request(requestId: string, bodyBytes = 401): Position {
    return this.#append({
      ...this.#envelope(requestId),
      type: 'tollgate.request.v1',
      data: {
        ...context,
        endpoint: 'chat.completions',
        stream: true,
        body_bytes: bodyBytes,
        input_count: 1,
        max_output_tokens: null,
        end_user: null,
        client_prefix: null,
      },
    });
  }

  decision(requestId: string, outcome: 'allowed' | 'denied' = 'allowed'): Position {
    return this.#append({
      ...this.#envelope(requestId),
      type: 'tollgate.decision.v1',
      data: {
        ...context,
        attribution: { ...context.attribution, served_model: 'm-served' },
        phase: 'request',
        outcome,
        code: outcome === 'allowed' ? null : 'denied_by_policy',
        findings: [],
        lease_ids: ['lease-1'],
      },
    });
  }

  usage(requestId: string, attempt = 1, final = true): Position {
    return this.#append({
      ...this.#envelope(requestId),
      type: 'tollgate.usage.v1',
      data: {
        ...context,
        attempt,
        final,
        outcome: final ? 'completed' : 'failed',
        fidelity: 'provider',
        quantities: {
          input_tokens: 100,
          output_tokens: 10,
          cached_input_tokens: 0,
          cache_creation_tokens: 0,
          reasoning_tokens: 0,
        },
        upstream_status: final ? 200 : 500,
        status: final ? 200 : null,
        stream: true,
        output_bytes: 40,
        duration_us: 1000,
        first_byte_us: 500,
        finished_at: AT,
        lease_ids: [],
      },
    });
  }

  #envelope(subject: string): { id: string; subject: string; time: string } {
    return { id: this.#newId(), subject, time: AT };
  }

  #append(draft: EventDraft): Position {
    const json = serializeEvent(draft, this.#spool.source, Number(this.#spool.nextSequence())).toString();
    return this.#spool.append(draft.type, json);
  }
}
