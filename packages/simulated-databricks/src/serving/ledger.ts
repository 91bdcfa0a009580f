import type { ServingRequest } from './request.ts';

/** How a request ended, seen from the simulator. */
export type Outcome =
  /** The whole answer was handed to the network. */
  | 'served'
  /** An error was answered. */
  | 'refused'
  /** The client left before the answer was whole. */
  | 'aborted'
  /** A fault kept or cut the answer. */
  | 'cut';

/** Counts over some requests. */
export interface Totals {
  requests: number;
  served: number;
  refused: number;
  aborted: number;
  cut: number;
  /** Input tokens of served requests. */
  inputTokens: number;
  /** Output tokens of served requests. */
  outputTokens: number;
  /** Output tokens sent in answers that did not become whole. */
  partialOutputTokens: number;
}

/** What the simulator has served so far; plain data. */
export interface Stats extends Totals {
  /** Requests being answered right now. */
  inFlight: number;
  byModel: Record<string, Totals>;
  /** By `key=value` of the request's `usage_context`. */
  byUsageContext: Record<string, Totals>;
  /** Requests of which {@link Ledger.ofClientRequest} no longer knows, because newer ones took their place. */
  forgottenClientRequests: number;
}

const MAX_CONTEXTS = 1_000;
const MAX_MODELS = 200;
/** Where counts go once there are more keys than are kept apart. */
const OTHER = '(other)';

/** Counts what was served. Client request ids are kept for the latest `maxClientRequests` alone. */
export class Ledger {
  readonly #maxClientRequests: number;
  #all = nothing();
  #inFlight = 0;
  #forgotten = 0;
  readonly #byModel = new Map<string, Totals>();
  readonly #byUsageContext = new Map<string, Totals>();
  readonly #byClientRequest = new Map<string, Totals>();

  constructor(maxClientRequests: number) {
    this.#maxClientRequests = maxClientRequests;
  }

  begin(): void {
    this.#inFlight += 1;
  }

  /** Ends what `begin` began; `request` is `null` where it could not be read. */
  end(request: ServingRequest | null, outcome: Outcome, outputTokens: number): void {
    this.#inFlight -= 1;
    const inputTokens = request?.inputTokens ?? 0;
    add(this.#all, outcome, inputTokens, outputTokens);
    if (request === null) return;
    add(kept(this.#byModel, request.endpoint, MAX_MODELS), outcome, inputTokens, outputTokens);
    if (request.usageContext !== null) {
      for (const [key, value] of Object.entries(request.usageContext)) {
        add(
          kept(this.#byUsageContext, `${key}=${String(value)}`, MAX_CONTEXTS),
          outcome,
          inputTokens,
          outputTokens,
        );
      }
    }
    if (request.clientRequestId !== null) {
      add(this.#clientRequest(request.clientRequestId), outcome, inputTokens, outputTokens);
    }
  }

  /** Counts of one `client_request_id`, or `null` where none was seen or it is forgotten. */
  ofClientRequest(id: string): Totals | null {
    const totals = this.#byClientRequest.get(id);
    return totals === undefined ? null : { ...totals };
  }

  stats(): Stats {
    return {
      ...this.#all,
      inFlight: this.#inFlight,
      byModel: copy(this.#byModel),
      byUsageContext: copy(this.#byUsageContext),
      forgottenClientRequests: this.#forgotten,
    };
  }

  /** Forgets everything but the requests in flight. */
  reset(): void {
    this.#all = nothing();
    this.#forgotten = 0;
    this.#byModel.clear();
    this.#byUsageContext.clear();
    this.#byClientRequest.clear();
  }

  #clientRequest(id: string): Totals {
    const known = this.#byClientRequest.get(id);
    if (known !== undefined) return known;
    if (this.#byClientRequest.size >= this.#maxClientRequests) {
      for (const oldest of this.#byClientRequest.keys()) {
        this.#byClientRequest.delete(oldest);
        this.#forgotten += 1;
        break;
      }
    }
    const totals = nothing();
    if (this.#maxClientRequests > 0) this.#byClientRequest.set(id, totals);
    return totals;
  }
}

function nothing(): Totals {
  return {
    requests: 0,
    served: 0,
    refused: 0,
    aborted: 0,
    cut: 0,
    inputTokens: 0,
    outputTokens: 0,
    partialOutputTokens: 0,
  };
}

function add(totals: Totals, outcome: Outcome, inputTokens: number, outputTokens: number): void {
  totals.requests += 1;
  totals[outcome] += 1;
  if (outcome === 'served') {
    totals.inputTokens += inputTokens;
    totals.outputTokens += outputTokens;
  } else totals.partialOutputTokens += outputTokens;
}

function kept(map: Map<string, Totals>, key: string, most: number): Totals {
  const known = map.get(key);
  if (known !== undefined) return known;
  if (map.size >= most && key !== OTHER) return kept(map, OTHER, most);
  const totals = nothing();
  map.set(key, totals);
  return totals;
}

function copy(map: ReadonlyMap<string, Totals>): Record<string, Totals> {
  return Object.fromEntries([...map].map(([key, totals]) => [key, { ...totals }]));
}
