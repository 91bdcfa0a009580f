import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { AccessTokens, type OAuthClient } from '../access-tokens.ts';
import { selfSignedCertificate } from './certificate.ts';
import type { Engine, StatementParameter } from './engine.ts';
import { WarehouseFaultScript, type WarehouseFaults } from './faults.ts';
import { answerCall, type FaultyAnswer } from './protocol/faulty-rpcs.ts';
import { type Ending, Interruption } from './protocol/interruption.ts';
import type { Operation, OperationState } from './protocol/operation.ts';
import { Rpcs } from './protocol/rpcs.ts';
import { answerThriftCall } from './protocol/thrift-service.ts';

export interface WarehouseOptions {
  /** What executes the statements. It is not stopped with the warehouse. */
  readonly engine: Engine;
  /** The personal access token that is let in; {@link DEFAULT_WAREHOUSE_TOKEN} unless given. */
  readonly token?: string;
  /** Service principals that may fetch tokens at `POST /oidc/v1/token`; none unless given. */
  readonly oauthClients?: readonly OAuthClient[];
  /** A free port unless given. */
  readonly port?: number;
  /** How long a call waits for its statement before the client is told to ask again; 5,000 ms unless given. */
  readonly directResultsWaitMs?: number;
  /** Larger requests get 413; 16 MiB unless given. */
  readonly maxRequestBytes?: number;
  /** Milliseconds since 1970, by which tokens expire. */
  readonly now?: () => number;
}

/** A statement that arrived and was taken on, in the order of arrival. */
export interface WarehouseStatement {
  readonly sql: string;
  readonly parameters: readonly StatementParameter[];
  /** The client's session. */
  readonly session: string;
  /** How it stands now. */
  readonly state: OperationState;
}

/** A SQL warehouse in this process, on 127.0.0.1. */
export interface Warehouse {
  readonly host: string;
  readonly port: number;
  /** The HTTP path, as a workspace shows it among a warehouse's connection details. */
  readonly path: string;
  readonly token: string;
  /** PEM of the self-signed certificate: the driver's `customCaCert`, or in the file of NODE_EXTRA_CA_CERTS. */
  readonly certificate: string;
  /** What is to go wrong. */
  readonly faults: WarehouseFaults;
  /** The latest 10,000 statements. */
  readonly statements: readonly WarehouseStatement[];
  /** Tokens fetched so far. */
  readonly tokensIssued: number;
  /** Ends every session, as a restarted warehouse does. */
  expireSessions(): Promise<void>;
  /** Fetched tokens are good no longer. */
  expireTokens(): void;
  /** Cuts every connection and ends every session. The engine goes on. */
  stop(): Promise<void>;
}

/** Not a secret: what it opens is on this machine's loopback. */
export const DEFAULT_WAREHOUSE_TOKEN = 'simulated-warehouse';
const HOST = '127.0.0.1';
const PATH = '/sql/1.0/warehouses/simulated';
const TOKEN_PATH = '/oidc/v1/token';
const DISCOVERY_PATH = '/oidc/.well-known/oauth-authorization-server';
const DEFAULT_DIRECT_RESULTS_WAIT_MS = 5_000;
const DEFAULT_MAX_REQUEST_BYTES = 16 * 1024 * 1024;
const MAX_STATEMENTS = 10_000;
/** Longer than the driver keeps idle connections, so that no request meets a closing one but by a fault. */
const KEEP_ALIVE_MS = 120_000;

/** Starts a warehouse that the real driver can connect to. */
export async function startWarehouse(options: WarehouseOptions): Promise<Warehouse> {
  const { certificate, privateKey } = await selfSignedCertificate();
  const warehouse = new RunningWarehouse(options, certificate);
  const server = createServer(
    { key: privateKey, cert: certificate, keepAliveTimeout: KEEP_ALIVE_MS },
    (incoming, response) => warehouse.receive(incoming, response),
  );
  await warehouse.listen(server, options.port ?? 0);
  return warehouse;
}

class RunningWarehouse implements Warehouse {
  readonly host = HOST;
  readonly path = PATH;
  readonly token: string;
  readonly certificate: string;
  readonly faults = new WarehouseFaultScript();
  readonly #tokens: AccessTokens;
  readonly #rpcs: Rpcs;
  readonly #maxRequestBytes: number;
  readonly #statements: Operation[] = [];
  #server: Server | undefined;

  constructor(options: WarehouseOptions, certificate: string) {
    this.certificate = certificate;
    this.token = options.token ?? DEFAULT_WAREHOUSE_TOKEN;
    this.#tokens = new AccessTokens([this.token], options.oauthClients ?? [], options.now ?? Date.now);
    this.#maxRequestBytes = options.maxRequestBytes ?? DEFAULT_MAX_REQUEST_BYTES;
    this.#rpcs = new Rpcs({
      engine: options.engine,
      directResultsWaitMs: options.directResultsWaitMs ?? DEFAULT_DIRECT_RESULTS_WAIT_MS,
      started: (operation) => {
        this.#statements.push(operation);
        if (this.#statements.length > MAX_STATEMENTS) this.#statements.shift();
      },
    });
  }

  get port(): number {
    const address: AddressInfo | string | null | undefined = this.#server?.address();
    if (typeof address !== 'object' || address === null) throw new Error('the warehouse has stopped');
    return address.port;
  }

  get statements(): readonly WarehouseStatement[] {
    return [...this.#statements];
  }

  get tokensIssued(): number {
    return this.#tokens.issued;
  }

  expireSessions(): Promise<void> {
    return this.#rpcs.sessions.endAll();
  }

  expireTokens(): void {
    this.#tokens.expireIssued();
  }

  async listen(server: Server, port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: HOST, port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
    await this.#rpcs.sessions.endAll();
  }

  receive(incoming: IncomingMessage, response: ServerResponse): void {
    this.#exchange(incoming, response).catch((error: unknown) => {
      if (response.destroyed) return;
      const ending: Ending =
        error instanceof Interruption
          ? error.ending
          : { kind: 'http', status: 500, errorCode: 'INTERNAL_ERROR', message: String(error) };
      end(response, ending);
    });
  }

  async #exchange(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await this.#bodyOf(incoming);
    const path = incoming.url?.replace(/\?.*/, '');
    if (path === DISCOVERY_PATH && incoming.method === 'GET') {
      const issuer = `https://${incoming.headers.host ?? HOST}/oidc`;
      return sendJson(response, 200, { issuer, token_endpoint: `${issuer}/v1/token` });
    }
    if (path === TOKEN_PATH && incoming.method === 'POST') {
      const answer = this.#tokens.issue(incoming.headers, body.toString('utf8'));
      return sendJson(response, answer.status, answer.body);
    }
    if (path !== PATH || incoming.method !== 'POST')
      throw refusal(404, 'ENDPOINT_NOT_FOUND', `There is nothing at ${path}.`);
    if (!this.#tokens.admits(incoming.headers.authorization))
      throw refusal(403, 'PERMISSION_DENIED', 'Invalid access token.');
    let cut: FaultyAnswer['cut'];
    const answer = await answerThriftCall(body, async (rpc, request) => {
      const outcome = await answerCall(this.#rpcs, this.faults, rpc, request);
      cut = outcome.cut;
      return outcome.response;
    });
    const headers = { 'content-type': 'application/x-thrift' };
    if (cut === undefined || cut.lengthAnnounced === true) {
      response.writeHead(200, { ...headers, 'content-length': String(answer.length) });
    } else {
      response.writeHead(200, headers);
    }
    if (cut === undefined) {
      response.end(answer);
      return;
    }
    // Half of it must have left before the connection is cut.
    response.write(answer.subarray(0, Math.floor(answer.length / 2)), () => response.destroy());
  }

  async #bodyOf(incoming: IncomingMessage): Promise<Buffer> {
    const parts: Buffer[] = [];
    let length = 0;
    for await (const part of incoming as AsyncIterable<Buffer>) {
      length += part.length;
      // What is over the limit is read, lest the client be cut before it sees the answer, but not kept.
      if (length <= this.#maxRequestBytes) parts.push(part);
    }
    if (length > this.#maxRequestBytes)
      throw refusal(413, 'REQUEST_TOO_LARGE', `A request has at most ${this.#maxRequestBytes} bytes.`);
    return Buffer.concat(parts);
  }
}

function refusal(status: number, errorCode: string, message: string): Interruption {
  return new Interruption({ kind: 'http', status, errorCode, message });
}

function end(response: ServerResponse, ending: Ending): void {
  if (ending.kind === 'silence') return;
  if (ending.kind === 'cut' || response.headersSent) {
    response.destroy();
    return;
  }
  const { status, errorCode, message, retryAfterSeconds } = ending;
  sendJson(
    response,
    status,
    { error_code: errorCode, message },
    retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) },
  );
}

function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
