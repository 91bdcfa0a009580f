import type { IncomingMessage, ServerResponse } from 'node:http';
import { writeRefusal } from '../api/answers.ts';
import {
  type Endpoint,
  isUnreadable,
  MAX_MODEL_CHARACTERS,
  type RequestFacts,
  readRequestBody,
} from '../body/request-body.ts';
import { upstreamBody } from '../body/upstream-body.ts';
import { addressPrefix } from '../callers/address-prefix.ts';
import type { RejectionCounter } from '../callers/rejections.ts';
import { type Refusal, refuse } from '../errors.ts';
import { type AttributionTexts, usageContextText } from '../events/attribution-text.ts';
import type { Opened } from '../events/recorder.ts';
import type { DecisionMembers, EventSubject, RequestEvents } from '../events/request-events.ts';
import type { Policy, Target } from '../policy/policy.ts';
import { type Arrival, clientRequestId, traceparent } from './arrival.ts';
import { Call } from './call.ts';
import type { Deliverable } from './deliveries.ts';
import type { CallEnvironment } from './environment.ts';

/** Room that a request is admitted with: its three events, whatever strings they hold. */
const ROOM_PER_REQUEST_BYTES = 24 * 1024;

/** Room kept for the usage event of each call in flight. */
const ROOM_PER_CALL_BYTES = 6 * 1024;

const ALLOWED: DecisionMembers = { outcome: 'allowed', code: null, findings: [] };

export interface IntakeParts {
  readonly env: CallEnvironment;
  readonly events: RequestEvents;
  readonly attributions: AttributionTexts;
  readonly rejections: RejectionCounter;
  /** The policy in force. */
  readonly policy: () => Policy;
  /** Whether the directory was heard of recently enough to trust keys on audited routes. */
  readonly directoryFresh: () => boolean;
  readonly maxInFlight: number;
}

/** What a body was, for the record; the same whether or not it could be read. */
interface Received {
  readonly endpoint: Endpoint;
  readonly bodyBytes: number;
  readonly model: string | null;
  readonly facts: RequestFacts | null;
}

/** Decides on each request: refused, rejected, denied, or allowed and on its way upstream. */
export class Intake {
  readonly #parts: IntakeParts;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** Serves a request whose body has arrived. Never throws; answers on `res` in its own time. */
  serve(endpoint: Endpoint, arrival: Arrival, req: IncomingMessage, res: ServerResponse, raw: Buffer): void {
    const policy = this.#parts.policy();
    if (!this.#mayRecord(endpoint, policy, arrival, req, res)) return;
    const body = readRequestBody(endpoint, raw);
    if (isUnreadable(body)) {
      const received = { endpoint, bodyBytes: raw.length, model: body.model, facts: null };
      this.#turnAway(policy, arrival, req, res, received, body.refusal, 'rejected', []);
      return;
    }
    const received = { endpoint, bodyBytes: raw.length, model: body.model, facts: body };
    const target = policy.targetFor(body.model);
    if (target === null) {
      this.#turnAway(policy, arrival, req, res, received, refuse('model_not_found'), 'rejected', []);
      return;
    }
    if (target.task !== null && target.task !== (endpoint === 'embeddings' ? 'embeddings' : 'chat')) {
      const refusal = refuse('model_not_for_endpoint', { param: 'model' });
      this.#turnAway(policy, arrival, req, res, received, refusal, 'rejected', [], target);
      return;
    }
    const verdict = policy.decide({ caller: arrival.caller, endpoint, facts: body, target });
    if (verdict.outcome === 'denied') {
      const refusal = { ...refuse('denied_by_policy'), code: verdict.code ?? 'denied_by_policy' };
      this.#turnAway(policy, arrival, req, res, received, refusal, 'denied', verdict.findings, target);
      return;
    }
    const subject = this.#subject(policy, arrival, req, body.model, target);
    const decision = verdict.findings.length === 0 ? ALLOWED : { ...ALLOWED, findings: verdict.findings };
    const opened = this.#open(subject, received, decision, endpoint, arrival, req, res);
    if (opened === null) return;
    new Call(
      this.#parts.env,
      {
        arrival,
        endpoint,
        path: endpoint === 'embeddings' ? '/embeddings' : '/chat/completions',
        facts: body,
        target,
        durability: target.durability,
        subject,
        opened,
        body: upstreamBody(raw, body, this.#ourMembers(arrival, target)),
      },
      res,
    ).start();
  }

  /** Records a request whose body could not be taken in, such as one that is too large, and answers it. */
  rejectUnread(
    endpoint: Endpoint,
    arrival: Arrival,
    req: IncomingMessage,
    res: ServerResponse,
    refusal: Refusal,
  ): void {
    const policy = this.#parts.policy();
    if (!this.#mayRecord(endpoint, policy, arrival, req, res)) return;
    const declared = Number(req.headers['content-length']);
    const bodyBytes = Number.isSafeInteger(declared) && declared >= 0 ? declared : 0;
    const received = { endpoint, bodyBytes, model: null, facts: null };
    this.#turnAway(policy, arrival, req, res, received, refusal, 'rejected', []);
  }

  /** Whether the request can be accounted for at all; otherwise it is refused and only counted. */
  #mayRecord(
    endpoint: Endpoint,
    policy: Policy,
    arrival: Arrival,
    req: IncomingMessage,
    res: ServerResponse,
  ): boolean {
    const { env, directoryFresh, maxInFlight } = this.#parts;
    if (policy.audited && !directoryFresh()) {
      this.#refuseUncounted('directory_stale', endpoint, arrival, req, res);
    } else if (env.running.size >= maxInFlight) {
      this.#refuseUncounted('overloaded', endpoint, arrival, req, res);
    } else if (!env.spool.hasRoom(ROOM_PER_REQUEST_BYTES + env.running.size * ROOM_PER_CALL_BYTES)) {
      this.#refuseUncounted('audit_unavailable', endpoint, arrival, req, res);
    } else return true;
    return false;
  }

  #refuseUncounted(
    code: 'directory_stale' | 'overloaded' | 'audit_unavailable',
    endpoint: Endpoint,
    arrival: Arrival,
    req: IncomingMessage,
    res: ServerResponse,
  ): void {
    this.#parts.rejections.count(addressPrefix(req.socket.remoteAddress), code);
    this.#parts.env.tallies.ended(endpoint, 'refused');
    writeRefusal(res, arrival.requestId, refuse(code));
  }

  #turnAway(
    policy: Policy,
    arrival: Arrival,
    req: IncomingMessage,
    res: ServerResponse,
    received: Received,
    refusal: Refusal,
    outcome: 'denied' | 'rejected',
    findings: DecisionMembers['findings'],
    target: Target | null = null,
  ): void {
    const subject = this.#subject(policy, arrival, req, received.model, target);
    const decision = { outcome, code: refusal.code.slice(0, 64), findings };
    const opened = this.#open(subject, received, decision, received.endpoint, arrival, req, res);
    if (opened === null) return;
    opened.hold.release();
    this.#parts.env.tallies.ended(received.endpoint, outcome);
    this.#parts.env.deliveries.add(new TurnedAway(res, arrival.requestId, refusal), true);
  }

  #subject(
    policy: Policy,
    arrival: Arrival,
    req: IncomingMessage,
    model: string | null,
    target: Target | null,
  ): EventSubject {
    const { events, attributions } = this.#parts;
    const named = model === null ? null : model.slice(0, MAX_MODEL_CHARACTERS);
    return {
      requestId: arrival.requestId,
      traceparent: traceparent(req.headers['traceparent']),
      context: events.context(
        attributions.text(arrival.caller, policy, named, target),
        arrival.requestedAtMs,
        clientRequestId(req.headers['x-request-id']),
        policy.retentionDays,
      ),
    };
  }

  #open(
    subject: EventSubject,
    received: Received,
    decision: DecisionMembers,
    endpoint: Endpoint,
    arrival: Arrival,
    req: IncomingMessage,
    res: ServerResponse,
  ): Opened | null {
    const { facts } = received;
    try {
      return this.#parts.env.recorder.open(
        subject,
        {
          endpoint,
          stream: facts?.stream ?? false,
          body_bytes: received.bodyBytes,
          input_count: facts?.inputCount ?? null,
          max_output_tokens: facts?.maxOutputTokens ?? null,
          end_user: facts?.endUser ?? null,
          client_prefix: addressPrefix(req.socket.remoteAddress),
        },
        decision,
      );
    } catch (error) {
      this.#parts.env.log.error({ err: error, code: 'audit_unavailable' }, 'request not recorded');
      this.#refuseUncounted('audit_unavailable', endpoint, arrival, req, res);
      return null;
    }
  }

  /** What tells the upstream whom a call belongs to, each member followed by a comma. */
  #ourMembers(arrival: Arrival, target: Target): string {
    if (!target.takesAttribution) return '';
    const context = this.#usageContext(arrival);
    return `"client_request_id":"${arrival.requestId}.1","usage_context":${context},`;
  }

  readonly #usageContexts = new WeakMap<Arrival['caller'], string>();

  #usageContext({ caller }: Arrival): string {
    let text = this.#usageContexts.get(caller);
    if (text === undefined) {
      text = usageContextText(caller);
      this.#usageContexts.set(caller, text);
    }
    return text;
  }
}

/** An answer that waits until its decision is written. */
class TurnedAway implements Deliverable {
  queued = false;
  readonly #res: ServerResponse;
  readonly #requestId: string;
  readonly #refusal: Refusal;

  constructor(res: ServerResponse, requestId: string, refusal: Refusal) {
    this.#res = res;
    this.#requestId = requestId;
    this.#refusal = refusal;
  }

  deliver(failure: Error | null): void {
    if (this.#res.destroyed) return;
    writeRefusal(this.#res, this.#requestId, failure === null ? this.#refusal : refuse('audit_unavailable'));
  }
}
