import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  type Attribution,
  type EventDraft,
  heartbeatSigningInput,
  type Quantities,
  type SourceStartedData,
  serializeEvent,
  type UsageData,
} from '@tollgate/events';
import type { UsageEvent } from '../confirming/confirm.ts';
import { type ConsumedEvent, consumedParser } from '../confirming/parse-event.ts';
import type { SourceEvent } from '../sources/hear-sources.ts';
import { SOURCE } from './budgets-database.ts';

const MODEL = 'databricks-meta-llama-3-3-70b-instruct';

const ATTRIBUTION: Attribution = {
  organisation_id: 'org_acme',
  team_id: 'team_search',
  project_id: null,
  cost_centre_id: null,
  principal_type: 'service',
  principal_id: 'sp_indexer',
  key_id: 'key_1',
  requested_model: MODEL,
  served_model: MODEL,
  target_id: 'databricks',
  serving_mode: 'pay-per-token',
  region: null,
  tags: {},
  policy: { name: 'test', version: '1.0.0', digest: 'a'.repeat(64) },
};

export type UsageSpec = {
  /** Makes event and request id, and the number within the source. */
  readonly n: number;
  readonly source?: string;
  readonly attribution?: Partial<Attribution>;
  readonly quantities?: Partial<Quantities>;
  readonly data?: Partial<Omit<UsageData, 'attribution' | 'quantities'>>;
};

/** A version-7 UUID that counts. */
export function countingUuid(n: number, family = 1): string {
  return `0197c9a0-${family.toString(16).padStart(4, '0')}-7000-8000-${n.toString(16).padStart(12, '0')}`;
}

/** The bytes of a usage event: 100 tokens in, 10 out, at noon. */
export function usageBytes(spec: UsageSpec): Buffer {
  const data: UsageData = {
    requested_at: '2026-03-10T12:00:00.000Z',
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
    ...spec.data,
    attribution: { ...ATTRIBUTION, ...spec.attribution },
    quantities: {
      input_tokens: 100,
      output_tokens: 10,
      cached_input_tokens: 0,
      cache_creation_tokens: 0,
      reasoning_tokens: 0,
      ...spec.quantities,
    },
  };
  return bytesOf(
    {
      type: 'tollgate.usage.v1',
      id: countingUuid(spec.n, 1),
      subject: countingUuid(spec.n, 2),
      time: '2026-03-10T12:00:01.000Z',
      data,
    },
    spec.source ?? SOURCE,
    spec.n,
  );
}

/** A usage event, read back from its bytes as the consumer does. */
export function usageEvent(spec: UsageSpec): UsageEvent {
  const event = read(usageBytes(spec));
  if (event?.type !== 'tollgate.usage.v1') throw new Error('the fixture is no usage event');
  return event;
}

/** A price row of the fixtures' model as the topic `prices` has it. */
export function priceMessage(change: {
  readonly tokenClass: 'input' | 'output';
  readonly amount: string;
  readonly currency?: string;
}): { key: string; value: Buffer } {
  const id = `price-${change.tokenClass}-${change.amount}`;
  const value = bytesOf(
    {
      type: 'tollgate.price.v1',
      id: countingUuid(1, 7),
      subject: id,
      time: '2026-01-01T00:00:00.000Z',
      data: {
        price_id: id,
        version: 1,
        provider: 'databricks',
        model: MODEL,
        serving_mode: 'pay-per-token',
        region: null,
        token_class: change.tokenClass,
        amount: change.amount,
        per_quantity: 1_000_000,
        currency: change.currency ?? 'USD',
        effective_from: '2026-01-01T00:00:00Z',
        effective_to: null,
        source: 'test',
      },
    },
    '/services/chargeback/e1',
    1,
  );
  return { key: id, value };
}

/** A gateway instance that signs what it says of its sources. */
export class SpeakingGateway {
  readonly publicKey: string;
  readonly instance: string;
  readonly #key: KeyObject;

  constructor(instance = 'gw-1') {
    this.instance = instance;
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    this.#key = privateKey;
    this.publicKey = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url').toString('base64');
  }

  publicKeyOf = (instance: string): string | undefined =>
    instance === this.instance ? this.publicKey : undefined;

  heartbeat(source: string, through: number, usage: number, atMs: number): SourceEvent {
    return this.#word('tollgate.source.heartbeat.v1', source, through, usage, atMs, null);
  }

  stopped(source: string, through: number, usage: number, atMs: number): SourceEvent {
    return this.#word('tollgate.source.stopped.v1', source, through, usage, atMs, through + 1);
  }

  started(
    source: string,
    previous: readonly { readonly source: string; readonly through: number; readonly usage: number }[],
    atMs: number,
  ): SourceEvent {
    const data: SourceStartedData = {
      instance: this.instance,
      public_key: this.publicKey,
      software_version: '0',
      previous: previous.map(({ usage, ...rest }) => ({
        ...rest,
        counts: { 'tollgate.usage.v1': usage },
        chain: '0'.repeat(64),
      })),
    };
    return sourceEvent(
      {
        type: 'tollgate.source.started.v1',
        id: countingUuid(atMs % 1_000_000, 4),
        subject: source,
        time: new Date(atMs).toISOString(),
        data,
      },
      source,
      1,
    );
  }

  #word(
    type: 'tollgate.source.heartbeat.v1' | 'tollgate.source.stopped.v1',
    source: string,
    through: number,
    usage: number,
    atMs: number,
    sequence: number | null,
  ): SourceEvent {
    const chain = '0'.repeat(64);
    const signature = sign(null, heartbeatSigningInput(source, through, chain), this.#key).toString('base64');
    const data = {
      instance: this.instance,
      through,
      counts: { 'tollgate.usage.v1': usage },
      chain,
      signature,
    };
    const time = new Date(atMs).toISOString();
    return sourceEvent(
      { type, id: countingUuid(atMs % 1_000_000, 3), subject: source, time, data },
      source,
      sequence,
    );
  }
}

function sourceEvent(draft: EventDraft, source: string, sequence: number | null): SourceEvent {
  const event = read(bytesOf(draft, source, sequence));
  if (event === null || event.type === 'tollgate.usage.v1') throw new Error('the fixture is no source event');
  return event;
}

function bytesOf(draft: EventDraft, source: string, sequence: number | null): Buffer {
  return serializeEvent(draft, source, sequence);
}

function read(bytes: Buffer): ConsumedEvent {
  const parsed = consumedParser()(bytes);
  if (parsed.kind !== 'event') throw new Error(`the fixture can't be read: ${JSON.stringify(parsed)}`);
  return parsed.event;
}
