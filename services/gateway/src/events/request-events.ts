import type {
  DecisionData,
  EventType,
  PayloadStatement,
  Quantities,
  RequestData,
  UsageData,
} from '@tollgate/events';
import type { Finding } from '@tollgate/policy';
import type { Clock } from '../clock.ts';
import type { IdSource } from './ids.ts';
import type { InstantWriter } from './instants.ts';
import { jsonNumberOrNull, jsonString, jsonStringOrNull } from './json-text.ts';

/** What the events of one request share, written once. */
export interface EventSubject {
  readonly requestId: string;
  readonly traceparent: string | null;
  /** The members that open `data`: see {@link RequestEvents.context}. */
  readonly context: string;
}

export type RequestMembers = Pick<
  RequestData,
  'endpoint' | 'stream' | 'body_bytes' | 'input_count' | 'max_output_tokens' | 'end_user' | 'client_prefix'
>;

export interface DecisionMembers {
  /** `output`: about the answer. Without it, about the request. */
  readonly phase?: DecisionData['phase'];
  readonly outcome: DecisionData['outcome'];
  readonly code: string | null;
  readonly findings: readonly Finding[];
  /** The leases that the request's budgets were reserved from; none where nothing limits it. */
  readonly leaseIds: readonly string[];
}

export type UsageMembers = Pick<
  UsageData,
  | 'attempt'
  | 'final'
  | 'outcome'
  | 'fidelity'
  | 'upstream_status'
  | 'status'
  | 'stream'
  | 'output_bytes'
  | 'duration_us'
  | 'first_byte_us'
> & {
  readonly quantities: Quantities;
  readonly leaseIds: readonly string[];
  /** None where no body was to be kept. */
  readonly payloads: readonly PayloadStatement[];
};

/**
 * Writes the three events of a request as text, from templates: a third of the cost of building objects and
 * stringifying them. The tests hold each against packages/events' schemas and its own object form.
 */
export class RequestEvents {
  readonly #clock: Clock;
  readonly #ids: IdSource;
  readonly #instants: InstantWriter;
  readonly #requestHead: string;
  readonly #decisionHead: string;
  readonly #usageHead: string;

  /** @param source the spool's `/gateways/<instance>/<epoch>` */
  constructor(source: string, clock: Clock, ids: IdSource, instants: InstantWriter) {
    this.#clock = clock;
    this.#ids = ids;
    this.#instants = instants;
    const head = (type: EventType) => `","source":${jsonString(source)},"type":"${type}","subject":"`;
    this.#requestHead = head('tollgate.request.v1');
    this.#decisionHead = head('tollgate.decision.v1');
    this.#usageHead = head('tollgate.usage.v1');
  }

  /** The members that open the data of all three events, without the braces. */
  context(
    attribution: string,
    requestedAtMs: number,
    clientRequestId: string | null,
    retentionDays: number | null,
  ): string {
    const retain =
      retentionDays === null ? 'null' : `"${this.#instants.daysLater(requestedAtMs, retentionDays)}"`;
    return `${attribution},"requested_at":"${this.#instants.text(requestedAtMs)}","client_request_id":${jsonStringOrNull(clientRequestId)},"retain_until":${retain}`;
  }

  request(subject: EventSubject, sequence: string, r: RequestMembers): string {
    return `${this.#envelope(this.#requestHead, subject, sequence)}${subject.context},"endpoint":"${r.endpoint}","stream":${r.stream},"body_bytes":${r.body_bytes},"input_count":${jsonNumberOrNull(r.input_count)},"max_output_tokens":${jsonNumberOrNull(r.max_output_tokens)},"end_user":${jsonStringOrNull(r.end_user)},"client_prefix":${jsonStringOrNull(r.client_prefix)}}}`;
  }

  decision(subject: EventSubject, sequence: string, d: DecisionMembers): string {
    const findings = d.findings.length === 0 ? '[]' : JSON.stringify(d.findings.map(findingMembers));
    return `${this.#envelope(this.#decisionHead, subject, sequence)}${subject.context},"phase":"${d.phase ?? 'request'}","outcome":"${d.outcome}","code":${jsonStringOrNull(d.code)},"findings":${findings},"lease_ids":${idList(d.leaseIds)}}}`;
  }

  usage(subject: EventSubject, sequence: string, u: UsageMembers): string {
    const q = u.quantities;
    return `${this.#envelope(this.#usageHead, subject, sequence)}${subject.context},"attempt":${u.attempt},"final":${u.final},"outcome":"${u.outcome}","fidelity":"${u.fidelity}","quantities":{"input_tokens":${q.input_tokens},"output_tokens":${q.output_tokens},"cached_input_tokens":${q.cached_input_tokens},"cache_creation_tokens":${q.cache_creation_tokens},"reasoning_tokens":${q.reasoning_tokens}},"upstream_status":${jsonNumberOrNull(u.upstream_status)},"status":${jsonNumberOrNull(u.status)},"stream":${u.stream},"output_bytes":${u.output_bytes},"duration_us":${u.duration_us},"first_byte_us":${jsonNumberOrNull(u.first_byte_us)},"finished_at":"${this.#instants.text(this.#clock.now())}","lease_ids":${idList(u.leaseIds)}${statements(u.payloads)}}}`;
  }

  #envelope(head: string, subject: EventSubject, sequence: string): string {
    const trace = subject.traceparent === null ? '' : `","traceparent":"${subject.traceparent}`;
    return `{"specversion":"1.0","id":"${this.#ids.next()}${head}${subject.requestId}","time":"${this.#instants.text(this.#clock.now())}","datacontenttype":"application/json","sequence":"${sequence}${trace}","data":{`;
  }
}

function statements(payloads: readonly PayloadStatement[]): string {
  return payloads.length === 0 ? '' : `,"payloads":${JSON.stringify(payloads)}`;
}

function idList(ids: readonly string[]): string {
  return ids.length === 0 ? '[]' : `[${ids.map(jsonString).join(',')}]`;
}

function findingMembers(finding: Finding): Finding {
  return { policy: finding.policy, rule: finding.rule, action: finding.action, count: finding.count };
}
