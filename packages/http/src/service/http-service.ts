import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { Logger, Metrics } from '@tollgate/telemetry';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { TokenVerifier } from '../access/token-verifier.ts';
import { HttpError } from '../errors.ts';
import { builtInRoutes } from './built-in-routes.ts';
import { answerClientError } from './client-error.ts';
import { type HealthCheck, showChecks } from './health.ts';
import { installMethodCheck } from './method-check.ts';
import { asProblem, refuse } from './problem-answer.ts';
import { installRequestMetrics } from './request-metrics.ts';
import type { Route } from './route.ts';
import { mount } from './route-mount.ts';
import { DEFAULT_HTTP_SETTINGS, type HttpSettings } from './settings.ts';

export type ListenAddress = { readonly host: string; readonly port: number };

export type HttpServiceOptions = {
  /** Lower case with dashes, such as `databricks-sync`; names the metrics and the OpenAPI document. */
  readonly name: string;
  readonly version?: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly verifier: TokenVerifier;
  readonly routes: readonly Route[];
  /** What `/readyz` asks. */
  readonly checks?: Readonly<Record<string, HealthCheck>>;
  readonly settings?: Partial<HttpSettings>;
  /** Says of an error that a dependency is away (the database's `isInfrastructureError`): 503 instead of 500. */
  readonly isUnavailable?: (error: unknown) => boolean;
  readonly newRequestId?: () => string;
};

export interface HttpService {
  /** @throws HttpError `listen_failed` */
  listen(address: ListenAddress): Promise<{ readonly url: string; readonly port: number }>;
  /** Readiness off, no new connections, then waits for the requests in flight, at most `stopTimeoutMs`. */
  stop(): Promise<void>;
  /** The OpenAPI document that `/openapi.json` serves. */
  readonly openApi: unknown;
  /** For tests: a request without a socket. */
  readonly inject: FastifyInstance['inject'];
}

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;
const MAX_PARAM_LENGTH = 256;
const IDLE_CHECK_INTERVAL_MS = 20;

/**
 * The HTTP side of a service: its routes behind tokens and scopes, `/healthz`, `/readyz`, `/metrics` and
 * `/openapi.json`, problem+json for every refusal, bounds on bodies, connections and time.
 *
 * @throws HttpError `route_access` for a route without an access rule, `route_duplicate` for one declared twice
 */
export function createHttpService(options: HttpServiceOptions): HttpService {
  const settings = { ...DEFAULT_HTTP_SETTINGS, ...options.settings };
  const { logger, newRequestId = randomUUID, isUnavailable = () => false } = options;
  const state = { stopping: false };
  const app = Fastify({
    logger: false,
    bodyLimit: settings.bodyLimitBytes,
    requestTimeout: settings.requestTimeoutMs,
    connectionTimeout: settings.connectionTimeoutMs,
    keepAliveTimeout: settings.keepAliveTimeoutMs,
    forceCloseConnections: 'idle',
    // A connection's last requests are answered like all others, with `connection: close`.
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    requestIdHeader: false,
    genReqId: (request) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : newRequestId();
    },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      const problem = asProblem(error, isUnavailable);
      refuse(reply as FastifyReply, problem, request.id);
    },
  });
  app.server.maxConnections = settings.maxConnections;

  acceptBodies(app);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    reply.header('cache-control', 'no-store');
    reply.header('x-content-type-options', 'nosniff');
  });
  installRequestMetrics(app, options.name, options.metrics);
  showChecks(options.checks ?? {}, options.name, options.metrics);
  app.setErrorHandler((error, request, reply) => {
    const problem = asProblem(error, isUnavailable);
    if (problem.status >= 500) {
      const route = request.routeOptions.url ?? 'unknown';
      logger.error({ err: problem.cause ?? problem, request_id: request.id, route }, 'request failed');
    }
    return refuse(reply, problem, request.id);
  });

  const { routes, openApi } = builtInRoutes({
    name: options.name,
    version: options.version ?? '0.1.0',
    metrics: options.metrics,
    checks: options.checks ?? {},
    routes: options.routes,
    isStopping: () => state.stopping,
    logger,
  });
  installMethodCheck(app, routes);
  for (const route of routes) mount(app, route, { verifier: options.verifier, settings, logger });

  return {
    openApi,
    inject: app.inject.bind(app),
    async listen(address) {
      try {
        await app.listen({ host: address.host, port: address.port });
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new HttpError('listen_failed', `${options.name} can't listen: ${reason}`, { cause: error });
      }
      const { port, family } = boundAddress(app);
      const host = address.host === '0.0.0.0' ? '127.0.0.1' : address.host === '::' ? '::1' : address.host;
      return { url: `http://${family === 'IPv6' ? `[${host}]` : host}:${port}`, port };
    },
    async stop() {
      state.stopping = true;
      const cut = setTimeout(() => app.server.closeAllConnections(), settings.stopTimeoutMs);
      // A connection whose last answer is out would otherwise be kept for another request that never comes.
      const tidy = setInterval(() => app.server.closeIdleConnections(), IDLE_CHECK_INTERVAL_MS);
      try {
        await app.close();
      } finally {
        clearTimeout(cut);
        clearInterval(tidy);
      }
    },
  };
}

function boundAddress(app: FastifyInstance): AddressInfo {
  const address = app.server.address();
  if (address === null || typeof address === 'string')
    throw new HttpError('listen_failed', 'not a TCP address');
  return address;
}

/** Bodies are JSON, or bytes for the routes that take them, or refused; an empty one counts as none. */
function acceptBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) => {
      return body.byteLength === 0 ? undefined : body;
    },
  );
  app.addContentTypeParser(
    'application/octet-stream',
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) => (body.byteLength === 0 ? undefined : body),
  );
}
