import type { ConsumedBatch } from '@tollgate/bus';
import { type Attribution, type Quantities, serializeEvent, type UsageData } from '@tollgate/events';
import type { UsageEvent } from '../charging/charged-usage.ts';
import { usageParser } from '../charging/parse-usage.ts';

const parseUsage = usageParser();
export const MODEL = 'databricks-meta-llama-3-3-70b-instruct';
export const SOURCE = '/gateways/gw-1/0197c9a0-0000-7000-8000-000000000001';

export const ATTRIBUTION: Attribution = {
  organisation_id: 'org_acme',
  team_id: 'team_search',
  project_id: 'project_rag',
  cost_centre_id: 'cc_100',
  principal_type: 'service',
  principal_id: 'sp_indexer',
  key_id: 'key_1',
  requested_model: MODEL,
  served_model: MODEL,
  target_id: 'databricks',
  serving_mode: 'pay-per-token',
  region: 'eu-central-1',
  tags: { app: 'indexer', env: 'prod' },
  policy: { name: 'test', version: '1.0.0', digest: 'a'.repeat(64) },
};

export const NO_TOKENS: Quantities = {
  input_tokens: 0,
  output_tokens: 0,
  cached_input_tokens: 0,
  cache_creation_tokens: 0,
  reasoning_tokens: 0,
};

export type UsageSpec = {
  /** Makes event and request id. */
  readonly n: number;
  readonly attribution?: Partial<Attribution>;
  readonly quantities?: Partial<Quantities>;
  readonly data?: Partial<Omit<UsageData, 'attribution' | 'quantities'>>;
};

/** A version-7 UUID that counts. */
export function countingUuid(n: number, family = 1): string {
  return `0197c9a0-${family.toString(16).padStart(4, '0')}-7000-8000-${n.toString(16).padStart(12, '0')}`;
}

/** The bytes of a usage event. */
export function usageBytes(spec: UsageSpec): Buffer {
  return serializeEvent(
    {
      type: 'tollgate.usage.v1',
      id: countingUuid(spec.n, 1),
      subject: countingUuid(spec.n, 2),
      time: '2026-03-10T12:00:01.000Z',
      data: {
        requested_at: '2026-03-10T12:00:00.000Z',
        client_request_id: `client-${spec.n}`,
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
        ...spec.data,
        attribution: { ...ATTRIBUTION, ...spec.attribution },
        quantities: { ...NO_TOKENS, input_tokens: 100, output_tokens: 10, ...spec.quantities },
      },
    },
    SOURCE,
    spec.n + 1,
  );
}

/** A usage event, read back from its bytes as the consumer does. */
export function usageEvent(spec: UsageSpec): UsageEvent {
  const parsed = parseUsage(usageBytes(spec));
  if (parsed.kind !== 'event') throw new Error(`the fixture is no usage event: ${JSON.stringify(parsed)}`);
  return parsed.event;
}

/** A batch as the bus hands it over. */
export function batchOf(events: readonly UsageEvent[], partition = 0): ConsumedBatch<UsageEvent> {
  return {
    topic: 'usage',
    partition,
    messages: events.map((event, index) => ({
      topic: 'usage',
      partition,
      offset: BigInt(index),
      key: event.subject,
      value: Buffer.alloc(0),
      timestampMs: 0,
      event,
    })),
  };
}
