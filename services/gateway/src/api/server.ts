import { createServer as createHttpServer } from 'node:http';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { MAX_MODEL_CHARACTERS } from '../body/request-body.ts';
import type { AccessLog } from '../callers/access-log.ts';
import { type Refusal, refuse } from '../errors.ts';
import type { IdSource } from '../events/ids.ts';
import type { Tallies } from '../metrics.ts';
import type { Policy } from '../policy/policy.ts';
import { writeRefusal } from './answers.ts';
import type { Door } from './door.ts';
import { EVALUATE_PATH, type Evaluations } from './evaluations.ts';
import { describeModel, listModels } from './models.ts';
import { inferenceAt, pathOf } from './paths.ts';

/** What Node's server is given to keep to. */
const SERVER_BOUNDS = {
  /** How long a connection may lie idle; longer than load balancers keep theirs, so that they close first. */
  keepAliveTimeout: 65_000,
  /** How long a client may take to send its headers, and its whole request. */
  headersTimeout: 30_000,
  requestTimeout: 120_000,
  noDelay: true,
};

export interface ServerParts {
  readonly door: Door;
  readonly evaluations: Evaluations;
  readonly accesses: AccessLog;
  readonly ids: IdSource;
  readonly tallies: Tallies;
  readonly policy: () => Policy;
  readonly mayReadMetrics: (authorization: string | undefined) => boolean;
  /** Why requests should not be sent here just now; empty when all is well. */
  readonly troubles: () => readonly string[];
  /** What is wrong, though requests can be served as well here as anywhere. */
  readonly warnings: () => readonly string[];
}

/** The paths besides inference, with what they are served by. */
const OTHER_PATHS: ReadonlyMap<string, string> = new Map([
  ['/v1/models', 'GET'],
  [EVALUATE_PATH, 'POST'],
  ['/healthz', 'GET'],
  ['/readyz', 'GET'],
  ['/metrics', 'GET'],
]);

/** The gateway's HTTP side: inference goes through the door, everything else through fastify. */
export function createServer(parts: ServerParts): FastifyInstance {
  const { door, evaluations } = parts;
  const app = Fastify({
    logger: false,
    routerOptions: { ignoreTrailingSlash: true },
    forceCloseConnections: 'idle',
    serverFactory: (handler) =>
      createHttpServer(SERVER_BOUNDS, (req, res) => {
        if (!door.takeInference(req, res) && !evaluations.take(req, res)) handler(req, res);
      }),
  });
  registerOperations(app, parts);
  registerModels(app, parts);
  app.setNotFoundHandler((request, reply) => {
    const allow = allowed(pathOf(request.url));
    if (allow === null) return refuseWith(reply, parts.ids, refuse('unknown_route'));
    reply.raw.setHeader('allow', allow);
    return refuseWith(reply, parts.ids, refuse('method_not_allowed', { allow }));
  });
  app.setErrorHandler((_error, _request, reply) => refuseWith(reply, parts.ids, refuse('internal_error')));
  return app;
}

function registerModels(app: FastifyInstance, { door, accesses, policy }: ServerParts): void {
  const answer = async (request: FastifyRequest, reply: FastifyReply, name: string | null) => {
    const arrival = await door.arrive(request.raw, reply.raw);
    if (arrival === null) return reply.hijack();
    const current = policy();
    const { caller, requestId, requestedAtMs } = arrival;
    const found =
      name === null
        ? listModels(current, caller, requestedAtMs)
        : describeModel(current, caller, name, requestedAtMs);
    const recorded = await accesses.record(arrival, current, {
      action: name === null ? 'models.list' : 'models.read',
      target: name === null ? 'models' : `model/${name.slice(0, MAX_MODEL_CHARACTERS - 'model/'.length)}`,
      code: found === null ? 'model_not_found' : null,
      details: {},
    });
    if (recorded && found !== null) return reply.header('x-request-id', requestId).send(found);
    reply.hijack();
    writeRefusal(reply.raw, requestId, refuse(recorded ? 'model_not_found' : 'audit_unavailable'));
    return reply;
  };
  app.get('/v1/models', (request, reply) => answer(request, reply, null));
  // A model's name may hold slashes.
  app.get<{ Params: { '*': string } }>('/v1/models/*', (request, reply) =>
    answer(request, reply, request.params['*']),
  );
}

/** The method that a path is served with; null: it is not served. */
function allowed(path: string): string | null {
  return OTHER_PATHS.get(path) ?? (inferenceAt(path) === null ? null : 'POST');
}

function registerOperations(app: FastifyInstance, parts: ServerParts): void {
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', (_request, reply) => {
    const troubles = parts.troubles();
    const warnings = parts.warnings();
    const warned = warnings.length === 0 ? {} : { warnings };
    return troubles.length === 0
      ? { status: 'ready', ...warned }
      : reply.code(503).send({ status: 'not ready', troubles, ...warned });
  });
  app.get('/metrics', async (request, reply) => {
    if (!parts.mayReadMetrics(request.headers.authorization)) {
      return refuseWith(reply, parts.ids, refuse('metrics_token'));
    }
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(await parts.tallies.text());
  });
}

function refuseWith(reply: FastifyReply, ids: IdSource, refusal: Refusal): FastifyReply {
  reply.hijack();
  writeRefusal(reply.raw, ids.next(), refusal);
  return reply;
}
