import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AccessTokens, type OAuthClient } from '../access-tokens.ts';
import { SimulatedDatabricksError } from '../errors.ts';
import { DEFAULT_OUTPUT_TOKENS } from './answers.ts';
import { type Behaviour, PLAIN } from './behaviour.ts';
import { CONTROL_PREFIX, control } from './control.ts';
import { type EndpointState, Endpoints, FOUNDATION_MODELS, type SimulatedEndpoint } from './endpoints.ts';
import {
  bodyTooLarge,
  type ErrorAnswerKind,
  endpointMissing,
  errorAnswer,
  expiredToken,
  invalidToken,
  missingCredential,
  noSuchPath,
  RefusedRequest,
} from './error-answers.ts';
import { Exchange, sendErrorAnswer } from './exchange.ts';
import { type FaultRule, FaultScript } from './fault-script.ts';
import { Ledger, type Stats, type Totals } from './ledger.ts';
import { bind, parseListenAddress, urlOf } from './listen-address.ts';
import { SERVING_PREFIX, type Served, serve } from './serving.ts';
import { TOKEN_PATH, TokenEndpoint, type TokenEndpointMode } from './token-endpoint.ts';
import { decode, withoutQuery } from './url.ts';

/** The token that opens a simulated workspace unless others are given. Not a secret: there is nothing behind it. */
export const DEFAULT_TOKEN = 'simulated-databricks';

export interface SimulatedDatabricksOptions {
  /** Bearer tokens that are let in; `[DEFAULT_TOKEN]` unless given. `null` lets everybody in. */
  readonly tokens?: readonly string[] | null | undefined;
  /** Service principals that may fetch tokens at `/oidc/v1/token`; none unless given. */
  readonly oauthClients?: readonly OAuthClient[] | undefined;
  /** The workspace's endpoints; {@link FOUNDATION_MODELS} unless given. */
  readonly endpoints?: readonly SimulatedEndpoint[] | undefined;
  /** Any other endpoint name is served too, by the task that is asked of it. */
  readonly anyEndpoint?: boolean | undefined;
  /** Output where neither `max_tokens` nor a directive says how much; {@link DEFAULT_OUTPUT_TOKENS} unless given. */
  readonly defaultOutputTokens?: number | undefined;
  /** Before the first byte of every answer; 0 unless given. */
  readonly latencyMs?: number | undefined;
  /** Between two chunks of every stream; 0 unless given, which writes them together. */
  readonly chunkDelayMs?: number | undefined;
  /** Words in one chunk of a stream; 8 unless given. */
  readonly wordsPerChunk?: number | undefined;
  /** Larger bodies get 413; 4 MiB unless given, as Databricks has it. */
  readonly maxBodyBytes?: number | undefined;
  /** The latest client request ids whose counts are kept; 50,000 unless given. */
  readonly maxClientRequests?: number | undefined;
  readonly faults?: readonly FaultRule[] | undefined;
  /** Milliseconds since 1970; the `created` of answers. */
  readonly now?: (() => number) | undefined;
}

/** How the API that tells of endpoints answers: truly, with an error, or not at all. */
export type StateAnswer = 'usual' | 'never' | 'reset' | ErrorAnswerKind;

/** A workspace's serving endpoints in this process. */
export interface SimulatedDatabricks {
  /**
   * Starts to listen, on a free port of 127.0.0.1 unless told otherwise (`host:port`), and gives the workspace URL:
   * what `DATABRICKS_HOST` would be. Throws `bad-listen-address` or `already-listening`.
   */
  listen(address?: string): Promise<string>;
  /** The workspace URL; throws `not-listening` before `listen`. */
  readonly url: string;
  /** Cuts what is being answered, and stops. */
  close(): Promise<void>;
  /** Counts since the start or the last `reset`. */
  stats(): Stats;
  /** Counts of one `client_request_id`; `null` where none is known. */
  statsOfClientRequest(id: string): Totals | null;
  /** Forgets what was served. */
  reset(): void;
  /** Adds a fault for requests to come. Throws `unknown-fault`, `bad-fault-parameter` or `bad-option`. */
  addFault(rule: FaultRule): void;
  clearFaults(): void;
  /** Changes which tokens are let in, as a rotation does; `null` lets everybody in. */
  setTokens(tokens: readonly string[] | null): void;
  /** Whether tokens can be fetched, and how not. */
  setTokenEndpoint(mode: TokenEndpointMode): void;
  /** How many tokens were fetched. */
  readonly tokensIssued: number;
  /** Fetched tokens are good no longer. */
  expireTokens(): void;
  /** What the endpoint's `state.ready` says; inference is served either way. */
  setEndpointState(name: string, state: EndpointState): void;
  /** How the API of endpoints answers, whatever inference does. */
  setStateAnswer(answer: StateAnswer): void;
  /** How often the API of endpoints was asked. */
  statesAsked(): number;
}

const DEFAULT_MAX_BODY_BYTES = 4 * 1024 * 1024;
const DEFAULT_MAX_CLIENT_REQUESTS = 50_000;
/** Longer than clients keep idle connections, so that it is the client that closes them and no request is lost to it. */
const KEEP_ALIVE_MS = 120_000;
const API_PREFIX = '/api/2.0/serving-endpoints';
const ADMINISTRATIVE_ID = 'simulated';

/** Makes a simulated workspace; it serves nothing before `listen`. Throws `bad-option` and what `addFault` throws. */
export function createSimulatedDatabricks(options: SimulatedDatabricksOptions = {}): SimulatedDatabricks {
  return new Workspace(options);
}

class Workspace implements SimulatedDatabricks {
  readonly #server: Server;
  readonly #served: Served;
  readonly #ledger: Ledger;
  readonly #maxBodyBytes: number;
  readonly #tokens: AccessTokens;
  readonly #tokenEndpoint: TokenEndpoint;
  #requests = 0;
  #statesAsked = 0;
  #stateAnswer: StateAnswer = 'usual';
  #url: string | null = null;

  constructor(options: SimulatedDatabricksOptions) {
    const now = options.now ?? Date.now;
    this.#served = {
      endpoints: new Endpoints(options.endpoints ?? FOUNDATION_MODELS, options.anyEndpoint ?? false, now()),
      faults: new FaultScript(),
      usual: usualBehaviour(options),
      defaultOutputTokens: atLeast(
        'defaultOutputTokens',
        0,
        options.defaultOutputTokens,
        DEFAULT_OUTPUT_TOKENS,
      ),
      now,
    };
    this.#ledger = new Ledger(
      atLeast('maxClientRequests', 0, options.maxClientRequests, DEFAULT_MAX_CLIENT_REQUESTS),
    );
    this.#maxBodyBytes = atLeast('maxBodyBytes', 1, options.maxBodyBytes, DEFAULT_MAX_BODY_BYTES);
    for (const rule of options.faults ?? []) this.addFault(rule);
    const personal = options.tokens === undefined ? [DEFAULT_TOKEN] : options.tokens;
    this.#tokens = new AccessTokens(personal, options.oauthClients ?? [], now);
    this.#tokenEndpoint = new TokenEndpoint(this.#tokens);
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, noDelay: true }, (incoming, response) =>
      this.#receive(incoming, response),
    );
  }

  get url(): string {
    if (this.#url === null) throw new SimulatedDatabricksError('not-listening', 'Call listen() first.');
    return this.#url;
  }

  async listen(address = '127.0.0.1:0'): Promise<string> {
    if (this.#url !== null)
      throw new SimulatedDatabricksError('already-listening', `It listens at ${this.#url}.`);
    const wanted = parseListenAddress(address);
    await bind(this.#server, wanted);
    const bound: AddressInfo | string | null = this.#server.address();
    this.#url = urlOf(wanted.host, typeof bound === 'object' && bound !== null ? bound.port : wanted.port);
    return this.#url;
  }

  async close(): Promise<void> {
    if (this.#url === null) return;
    this.#url = null;
    await new Promise<void>((resolve, reject) => {
      this.#server.close((error) => (error === undefined ? resolve() : reject(error)));
      this.#server.closeAllConnections();
    });
  }

  stats(): Stats {
    return this.#ledger.stats();
  }

  statsOfClientRequest(id: string): Totals | null {
    return this.#ledger.ofClientRequest(id);
  }

  reset(): void {
    this.#ledger.reset();
  }

  addFault(rule: FaultRule): void {
    this.#served.faults.add(rule);
  }

  clearFaults(): void {
    this.#served.faults.clear();
  }

  setTokens(tokens: readonly string[] | null): void {
    this.#tokens.setPersonal(tokens);
  }

  setTokenEndpoint(mode: TokenEndpointMode): void {
    this.#tokenEndpoint.mode = mode;
  }

  get tokensIssued(): number {
    return this.#tokens.issued;
  }

  expireTokens(): void {
    this.#tokens.expireIssued();
  }

  setEndpointState(name: string, state: EndpointState): void {
    this.#served.endpoints.setState(name, state);
  }

  setStateAnswer(answer: StateAnswer): void {
    this.#stateAnswer = answer;
  }

  statesAsked(): number {
    return this.#statesAsked;
  }

  #receive(incoming: IncomingMessage, response: ServerResponse): void {
    const parts: Buffer[] = [];
    let length = 0;
    incoming.on('data', (part: Buffer) => {
      length += part.length;
      // What is over the limit is read, lest the client be cut before it sees the answer, but not kept.
      if (length <= this.#maxBodyBytes) parts.push(part);
    });
    incoming.on('end', () => {
      const [only] = parts;
      const body = parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
      this.#route(incoming, response, length > this.#maxBodyBytes ? null : body);
    });
  }

  #route(incoming: IncomingMessage, response: ServerResponse, body: Buffer | null): void {
    const path = withoutQuery(incoming.url ?? '/');
    const method = incoming.method ?? 'GET';
    if (path === '/healthz' || path === '/readyz') sendJson(response, { status: 'ok' });
    else if (method === 'POST' && path === TOKEN_PATH)
      this.#tokenEndpoint.answer(incoming.headers, body?.toString('utf8') ?? '', response);
    else if (method === 'POST' && path.startsWith(SERVING_PREFIX))
      this.#infer(path, incoming, response, body);
    else this.#administer(method, path, incoming, response, body);
  }

  #infer(path: string, incoming: IncomingMessage, response: ServerResponse, body: Buffer | null): void {
    this.#requests += 1;
    const exchange = new Exchange(
      response,
      `simulated-${this.#requests.toString(36).padStart(8, '0')}`,
      this.#ledger,
    );
    const admitted = async (): Promise<void> => {
      this.#admit(incoming);
      await serve(exchange, path, incoming, this.#within(body), this.#served);
    };
    admitted().catch((error: unknown) => {
      if (!exchange.closed) exchange.sendError(refusalOf(error));
    });
  }

  #administer(
    method: string,
    path: string,
    incoming: IncomingMessage,
    response: ServerResponse,
    body: Buffer | null,
  ): void {
    const asksState = path.startsWith(API_PREFIX);
    if (asksState) this.#statesAsked += 1;
    const answer = asksState ? this.#stateAnswer : 'usual';
    if (answer === 'never') return;
    if (answer === 'reset') {
      response.socket?.resetAndDestroy();
      return;
    }
    try {
      this.#admit(incoming);
      if (answer !== 'usual') throw new RefusedRequest(errorAnswer(answer, path, null));
      sendJson(response, this.#resource(method, path, this.#within(body)));
    } catch (error) {
      sendErrorAnswer(response, refusalOf(error), ADMINISTRATIVE_ID);
    }
  }

  #resource(method: string, path: string, body: Buffer): unknown {
    const { endpoints, faults } = this.#served;
    if (path.startsWith(CONTROL_PREFIX)) {
      return control(method, path.slice(CONTROL_PREFIX.length), body, {
        endpoints,
        faults,
        ledger: this.#ledger,
        setStateAnswer: (answer) => this.setStateAnswer(answer),
      });
    }
    if (method === 'GET' && path === API_PREFIX) return endpoints.list();
    if (method !== 'GET' || !path.startsWith(`${API_PREFIX}/`)) throw new RefusedRequest(noSuchPath);
    const name = decode(path.slice(API_PREFIX.length + 1));
    const described = endpoints.describe(name);
    if (described === null) throw new RefusedRequest(endpointMissing(name));
    return described;
  }

  #admit(incoming: IncomingMessage): void {
    const why = this.#tokens.refusal(incoming.headers.authorization);
    if (why !== null) throw new RefusedRequest(REFUSALS[why]);
  }

  #within(body: Buffer | null): Buffer {
    if (body === null) throw new RefusedRequest(bodyTooLarge(this.#maxBodyBytes));
    return body;
  }
}

const REFUSALS = { missing: missingCredential, invalid: invalidToken, expired: expiredToken } as const;

/** The answer that an error stands for. Anything but a refusal is a defect of the simulator, and ends the process. */
function refusalOf(error: unknown): RefusedRequest['answer'] {
  if (error instanceof RefusedRequest) return error.answer;
  throw error;
}

function sendJson(response: ServerResponse, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(200, [
    'content-type',
    'application/json',
    'content-length',
    String(Buffer.byteLength(body)),
  ]);
  response.end(body);
}

function usualBehaviour(options: SimulatedDatabricksOptions): Behaviour {
  return {
    ...PLAIN,
    latencyMs: atLeast('latencyMs', 0, options.latencyMs, PLAIN.latencyMs),
    chunkDelayMs: atLeast('chunkDelayMs', 0, options.chunkDelayMs, PLAIN.chunkDelayMs),
    wordsPerChunk: atLeast('wordsPerChunk', 1, options.wordsPerChunk, PLAIN.wordsPerChunk),
  };
}

function atLeast(name: string, least: number, value: number | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new SimulatedDatabricksError('bad-option', `${name}: give a whole number of ${least} or more.`);
}
