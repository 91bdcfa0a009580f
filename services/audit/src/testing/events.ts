import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  type EventDraft,
  heartbeatSigningInput,
  type PayloadStatement,
  serializeEvent,
} from '@tollgate/events';
import type { SeededRandom } from '@tollgate/testing';

/** A made-up source that numbers, chains and signs as a gateway's spool does. */
export interface TestSource {
  readonly name: string;
  readonly publicKey: string;
  /** All numbered events so far. */
  readonly events: readonly Buffer[];
  /** Numbers and keeps an event. */
  emit(draft: EventDraft): Buffer;
  usage(team?: string, subject?: string): Buffer;
  /** The three events of one request; its final usage states these payloads. */
  request(team: string, requestId: string, stated?: Stated): Buffer[];
  started(previous?: readonly TestSource[]): Buffer;
  /** Unnumbered. With `through` before the last event where given. */
  heartbeat(through?: number): Buffer;
  stopped(): Buffer;
  /** h(n) over the events, hex. */
  chainAt(n: number): string;
  signed(through: number, chain?: string): string;
}

/** What a request is to say besides. */
export interface Stated {
  readonly payloads?: PayloadStatement[];
  readonly endUser?: string;
  readonly requestedAt?: string;
}

const AT = '2026-03-01T10:00:00.000Z';

export function testSource(
  random: SeededRandom,
  name: string,
  key: { publicKey: KeyObject; privateKey: KeyObject } = generateKeyPairSync('ed25519'),
): TestSource {
  const events: Buffer[] = [];
  const types: string[] = [];
  const chain: Buffer[] = [Buffer.alloc(32)];
  const instance = name.split('/')[2] ?? '';
  const publicKey = Buffer.from(String(key.publicKey.export({ format: 'jwk' })['x']), 'base64url').toString(
    'base64',
  );

  const source: TestSource = {
    name,
    publicKey,
    events,
    emit(draft) {
      const bytes = serializeEvent(draft, name, events.length + 1);
      events.push(bytes);
      types.push(draft.type);
      const before = chain.at(-1) ?? Buffer.alloc(32);
      chain.push(createHash('sha256').update(before).update(bytes).digest());
      return bytes;
    },
    usage: (team = 'team_a', subject = uuid7(random)) => source.emit(usageDraft(random, team, subject)),
    request: (team, requestId, { payloads, endUser = null, requestedAt = AT } = {}) => {
      const timed = <Draft extends EventDraft>(draft: Draft): Draft => ({
        ...draft,
        time: requestedAt,
        data: { ...draft.data, requested_at: requestedAt },
      });
      const request = requestDraft(random, team, requestId);
      const usage = usageDraft(random, team, requestId);
      return [
        source.emit(timed({ ...request, data: { ...request.data, end_user: endUser } })),
        source.emit(timed(decisionDraft(random, team, requestId))),
        source.emit(
          timed({ ...usage, data: { ...usage.data, ...(payloads === undefined ? {} : { payloads }) } }),
        ),
      ];
    },
    started: (previous = []) =>
      source.emit({
        type: 'tollgate.source.started.v1',
        id: uuid7(random),
        subject: name,
        time: AT,
        data: {
          instance,
          public_key: publicKey,
          software_version: 'test',
          previous: previous.map((each) => ({
            source: each.name,
            through: each.events.length,
            counts: {},
            chain: each.chainAt(each.events.length),
          })),
        },
      }),
    heartbeat: (through = events.length) =>
      serializeEvent(
        {
          type: 'tollgate.source.heartbeat.v1',
          id: uuid7(random),
          subject: name,
          time: AT,
          data: { instance, ...progress(through), signature: source.signed(through) },
        },
        name,
        null,
      ),
    stopped: () =>
      source.emit({
        type: 'tollgate.source.stopped.v1',
        id: uuid7(random),
        subject: name,
        time: AT,
        data: { instance, ...progress(events.length), signature: source.signed(events.length) },
      }),
    chainAt: (n) => (chain[n] ?? Buffer.alloc(32)).toString('hex'),
    signed: (through, hash = source.chainAt(through)) =>
      sign(null, heartbeatSigningInput(name, through, hash), key.privateKey).toString('base64'),
  };

  function progress(through: number) {
    const counts: Record<string, number> = {};
    for (const type of types.slice(0, through)) counts[type] = (counts[type] ?? 0) + 1;
    return { through, counts, chain: source.chainAt(through) };
  }

  return source;
}

export function uuid7(random: SeededRandom): string {
  const hex = `0198a6f00000${random.bytes(10).toString('hex')}`;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-9${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

const context = (team: string) => ({
  attribution: {
    organisation_id: 'org_1',
    team_id: team,
    project_id: null,
    cost_centre_id: null,
    principal_type: 'service' as const,
    principal_id: 'svc_1',
    key_id: 'key_1',
    requested_model: 'gpt-oss',
    served_model: 'gpt-oss',
    target_id: 'target_1',
    serving_mode: 'pay-per-token' as const,
    region: 'eu-west-1',
    tags: { env: 'test' },
    policy: { name: 'default', version: '1', digest: 'a'.repeat(64) },
  },
  requested_at: AT,
  client_request_id: null,
  retain_until: null,
});

function usageDraft(random: SeededRandom, team: string, subject: string): EventDraft<'tollgate.usage.v1'> {
  return {
    type: 'tollgate.usage.v1',
    id: uuid7(random),
    subject,
    time: AT,
    data: {
      ...context(team),
      attempt: 1,
      final: true,
      outcome: 'completed',
      fidelity: 'provider',
      quantities: {
        input_tokens: random.integer(1, 4000),
        output_tokens: random.integer(1, 400),
        cached_input_tokens: 0,
        cache_creation_tokens: 0,
        reasoning_tokens: 0,
      },
      upstream_status: 200,
      status: 200,
      stream: false,
      output_bytes: 100,
      duration_us: 1000,
      first_byte_us: 900,
      finished_at: AT,
      lease_ids: [],
    },
  };
}

function requestDraft(
  random: SeededRandom,
  team: string,
  subject: string,
): EventDraft<'tollgate.request.v1'> {
  return {
    type: 'tollgate.request.v1',
    id: uuid7(random),
    subject,
    time: AT,
    data: {
      ...context(team),
      endpoint: 'chat.completions',
      stream: false,
      body_bytes: 100,
      input_count: 1,
      max_output_tokens: 100,
      end_user: null,
      client_prefix: '10.0.0.0/24',
    },
  };
}

function decisionDraft(
  random: SeededRandom,
  team: string,
  subject: string,
): EventDraft<'tollgate.decision.v1'> {
  return {
    type: 'tollgate.decision.v1',
    id: uuid7(random),
    subject,
    time: AT,
    data: { ...context(team), phase: 'request', outcome: 'allowed', code: null, findings: [], lease_ids: [] },
  };
}
