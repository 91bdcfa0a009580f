import type { ConsumedBatch } from '@tollgate/bus';
import {
  type Attribution,
  type ChargeData,
  type ChargeLine,
  serializeEvent,
  type UsageData,
} from '@tollgate/events';
import { parseTaken, type Taken } from '../taking/parse-taken.ts';

export const MODEL = 'databricks-meta-llama-3-3-70b-instruct';
export const GATEWAY = '/gateways/gw-1/0197c9a0-0000-7000-8000-000000000001';
export const CHARGEBACK = '/services/chargeback/0197c9a0-0000-7000-8000-000000000002';

export const ATTRIBUTION: Attribution = {
  organisation_id: 'org_acme',
  team_id: 'team_search',
  project_id: null,
  cost_centre_id: 'cc_100',
  principal_type: 'service',
  principal_id: 'sp_indexer',
  key_id: 'key_1',
  requested_model: MODEL,
  served_model: MODEL,
  target_id: 'databricks',
  serving_mode: 'pay-per-token',
  region: null,
  tags: { app: 'indexer' },
  policy: { name: 'test', version: '1.0.0', digest: 'a'.repeat(64) },
};

/** A version-7 UUID that counts. */
export function countingUuid(n: number, family = 1): string {
  return `0197c9a0-${family.toString(16).padStart(4, '0')}-7000-8000-${n.toString(16).padStart(12, '0')}`;
}

export type UsageSpec = {
  /** Makes event and request id. */
  readonly n: number;
  readonly attribution?: Partial<Attribution>;
  readonly input?: number;
  readonly output?: number;
  readonly data?: Partial<UsageData>;
};

/** The bytes of a usage event: 100 tokens in, 10 out. */
export function usageBytes({ n, attribution = {}, input = 100, output = 10, data = {} }: UsageSpec): Buffer {
  return serializeEvent(
    {
      type: 'tollgate.usage.v1',
      id: countingUuid(n, 1),
      subject: countingUuid(n, 2),
      time: '2026-03-10T12:00:01.000Z',
      data: {
        requested_at: '2026-03-10T12:00:00.123Z',
        client_request_id: null,
        retain_until: null,
        attempt: 1,
        final: true,
        outcome: 'completed',
        fidelity: 'provider',
        upstream_status: 200,
        status: 200,
        stream: false,
        output_bytes: 100,
        duration_us: 1000,
        first_byte_us: 500,
        finished_at: '2026-03-10T12:00:01.000Z',
        lease_ids: [],
        quantities: {
          input_tokens: input,
          output_tokens: output,
          cached_input_tokens: 0,
          cache_creation_tokens: 0,
          reasoning_tokens: 0,
        },
        ...data,
        attribution: { ...ATTRIBUTION, ...attribution },
      },
    },
    GATEWAY,
    n + 1,
  );
}

/** The bytes of the charge of usage `n`'s input. */
export function chargeBytes(
  n: number,
  change: Partial<Omit<ChargeData, 'charges'>> & { readonly line?: Partial<ChargeLine> } = {},
): Buffer {
  const { line, ...data } = change;
  return serializeEvent(
    {
      type: 'tollgate.charge.v1',
      id: countingUuid(n, 3),
      subject: countingUuid(n, 2),
      time: '2026-03-10T12:00:02.000Z',
      data: {
        usage_event_id: countingUuid(n, 1),
        request_id: countingUuid(n, 2),
        attribution: ATTRIBUTION,
        requested_at: '2026-03-10T12:00:00.123Z',
        billing_period: '2026-03',
        ...data,
        charges: [
          {
            charge_id: countingUuid(n, 4),
            token_class: 'input',
            quantity: 100,
            price_id: countingUuid(1, 5),
            amount: '0.000054',
            currency: 'USD',
            status: 'priced',
            ...line,
          },
        ],
      },
    },
    CHARGEBACK,
    n + 1,
  );
}

/** What an event's bytes come to. */
export function taken(bytes: Buffer): Taken {
  const parsed = parseTaken(bytes);
  if (parsed.kind !== 'event') throw new Error(`not taken: ${JSON.stringify(parsed)}`);
  return parsed.event;
}

/** A batch as the bus hands it over. */
export function batchOf(events: readonly Buffer[]): ConsumedBatch<Taken> {
  return {
    topic: 'usage',
    partition: 0,
    messages: events.map((value, index) => ({
      topic: 'usage',
      partition: 0,
      offset: BigInt(index),
      key: null,
      value,
      timestampMs: 0,
      event: taken(value),
    })),
  };
}
