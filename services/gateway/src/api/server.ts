import type { IncomingMessage, ServerResponse } from 'node:http';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Endpoint } from '../body/request-body.ts';
import { addressPrefix } from '../callers/address-prefix.ts';
import type { Authenticate } from '../callers/caller.ts';
import type { RejectionCounter } from '../callers/rejections.ts';
import type { Arrival } from '../calls/arrival.ts';
import type { Intake } from '../calls/intake.ts';
import type { Clock } from '../clock.ts';
import { type Refusal, refuse } from '../errors.ts';
import type { IdSource } from '../events/ids.ts';
import type { Tallies } from '../metrics.ts';
import type { Policy } from '../policy/policy.ts';
import { writeRefusal } from './answers.ts';
import { listModels } from './models.ts';
import { readBody } from './read-body.ts';

/** How long a connection may lie idle; longer than load balancers keep theirs, so that they close first. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;

/** How long a client may take to send its headers, and its whole request. */
const HEADERS_TIMEOUT_MS = 30_000;
const REQUEST_TIMEOUT_MS = 120_000;

/** What is served to keys: path, method, and the endpoint that events name. */
const INFERENCE: readonly { readonly path: string; readonly endpoint: Endpoint }[] = [
  { path: '/v1/chat/completions', endpoint: 'chat.completions' },
  { path: '/v1/embeddings', endpoint: 'embeddings' },
];

declare module 'fastify' {
  interface FastifyRequest {
    /** Set once the caller is known. */
    arrival: Arrival | null;
  }
}

export interface ServerParts {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly authenticate: Authenticate;
  readonly rejections: RejectionCounter;
  readonly intake: Intake;
  readonly tallies: Tallies;
  readonly policy: () => Policy;
  readonly mayReadMetrics: (authorization: string | undefined) => boolean;
  /** Why requests should not be sent here just now; empty when all is well. */
  readonly troubles: () => readonly string[];
  /** The largest body that is taken in, in bytes. */
  readonly maxBodyBytes: number;
}

/** The gateway's HTTP side. fastify finds the route; inference bypasses its reading of bodies and its replies. */
export function createServer(parts: ServerParts): FastifyInstance {
  const app = Fastify({
    logger: false,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    routerOptions: { ignoreTrailingSlash: true },
    forceCloseConnections: 'idle',
  });
  app.decorateRequest('arrival', null);
  registerOperations(app, parts);
  void app.register((keyed, _options, done) => {
    registerKeyed(keyed, parts);
    done();
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0]?.replace(/\/$/, '') ?? '';
    const allow = ALLOW[path];
    if (allow === undefined) return refuseWith(reply, parts.ids.next(), refuse('unknown_route'));
    return refuseWith(
      reply.header('allow', allow),
      parts.ids.next(),
      refuse('method_not_allowed', { allow }),
    );
  });
  app.setErrorHandler((_error, _request, reply) =>
    refuseWith(reply, parts.ids.next(), refuse('internal_error')),
  );
  return app;
}

const ALLOW: Readonly<Record<string, string>> = {
  ...Object.fromEntries(INFERENCE.map(({ path }) => [path, 'POST'])),
  '/v1/models': 'GET',
  '/healthz': 'GET',
  '/readyz': 'GET',
  '/metrics': 'GET',
};

function registerOperations(app: FastifyInstance, parts: ServerParts): void {
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', (_request, reply) => {
    const troubles = parts.troubles();
    return troubles.length === 0
      ? { status: 'ready' }
      : reply.code(503).send({ status: 'not ready', troubles });
  });
  app.get('/metrics', async (request, reply) => {
    if (!parts.mayReadMetrics(request.headers.authorization)) {
      return refuseWith(reply, parts.ids.next(), refuse('metrics_token'));
    }
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(await parts.tallies.text());
  });
}

function registerKeyed(app: FastifyInstance, parts: ServerParts): void {
  const endpoints = new Map(INFERENCE.map(({ path, endpoint }) => [path, endpoint]));
  app.addHook('onRequest', (request, reply, done) => {
    const arrival = arrive(request, reply, parts);
    if (arrival === null) return;
    const endpoint = endpoints.get(request.routeOptions.url ?? '');
    if (endpoint === undefined) {
      request.arrival = arrival;
      done();
      return;
    }
    reply.hijack();
    receive(parts, endpoint, arrival, request.raw, reply.raw);
  });
  for (const { path } of INFERENCE) app.post(path, unreachable);
  app.get('/v1/models', (request, reply) => {
    const { arrival } = request;
    if (arrival !== null) void reply.header('x-request-id', arrival.requestId);
    return reply.send(listModels(parts.policy(), arrival?.caller ?? null));
  });
}

/** Who has come; null where nobody was let in, which has then been answered. */
function arrive(request: FastifyRequest, reply: FastifyReply, parts: ServerParts): Arrival | null {
  const arrivedMs = parts.clock.monotonic();
  const caller = parts.authenticate(request.headers.authorization);
  const requestId = parts.ids.next();
  if (typeof caller !== 'string') return { requestId, caller, requestedAtMs: parts.clock.now(), arrivedMs };
  parts.rejections.count(addressPrefix(request.raw.socket.remoteAddress), caller);
  parts.tallies.ended('unknown', 'unauthenticated');
  if (caller !== 'directory_stale') void reply.header('www-authenticate', 'Bearer');
  void refuseWith(reply, requestId, refuse(caller));
  return null;
}

function receive(
  parts: ServerParts,
  endpoint: Endpoint,
  arrival: Arrival,
  req: IncomingMessage,
  res: ServerResponse,
): void {
  readBody(req, parts.maxBodyBytes, (failure, body) => {
    if (failure === null) {
      parts.intake.serve(endpoint, arrival, req, res, body);
      return;
    }
    // What is left of the body is not read, so the connection can't be used again.
    res.setHeader('connection', 'close');
    const refusal =
      failure === 'too-large'
        ? refuse('body_too_large', { limit: parts.maxBodyBytes })
        : refuse('body_incomplete');
    parts.intake.rejectUnread(endpoint, arrival, req, res, refusal);
  });
}

/** Inference is answered before fastify comes to its handlers, for which it would read the body its own way. */
function unreachable(): never {
  throw new Error('invariant: inference requests are hijacked on arrival');
}

function refuseWith(reply: FastifyReply, requestId: string, refusal: Refusal): FastifyReply {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  writeRefusal(reply.raw, requestId, refusal);
  return reply;
}
