import type { Logger, Metrics } from '@tollgate/telemetry';
import { z } from 'zod';
import { isScope } from '../access/scopes.ts';
import { HttpError } from '../errors.ts';
import { type HealthCheck, readiness } from './health.ts';
import { openApiDocument } from './open-api.ts';
import { type Route, route } from './route.ts';

export type BuiltInOptions = {
  readonly name: string;
  readonly version: string;
  readonly metrics: Metrics;
  readonly checks: Readonly<Record<string, HealthCheck>>;
  readonly routes: readonly Route[];
  readonly isStopping: () => boolean;
  readonly logger: Logger;
};

/** Nothing but health is open. */
const OPEN_PATHS = new Set(['/healthz', '/readyz']);

const readinessBody = z.object({
  ready: z.boolean(),
  checks: z.record(z.string(), z.object({ ok: z.boolean(), reason: z.string().nullable() })),
});

/**
 * A service's own routes with those that every service has: `/healthz` and `/readyz` for anybody, `/metrics` for
 * `metrics:read`, `/openapi.json` for any valid token.
 */
export function builtInRoutes(options: BuiltInOptions): { routes: Route[]; openApi: unknown } {
  const { metrics, isStopping } = options;
  const document: { value: unknown } = { value: null };
  const routes = [
    ...options.routes,
    route({
      method: 'GET',
      path: '/healthz',
      access: { public: true },
      operationId: 'getHealth',
      summary: 'Whether the process lives',
      tag: 'operations',
      answers: { 200: z.object({ status: z.literal('ok') }) },
      handle: () => ({ status: 200, body: { status: 'ok' } }),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      access: { public: true },
      operationId: 'getReadiness',
      summary: 'Whether the service can do its work, and what it lacks',
      tag: 'operations',
      answers: { 200: readinessBody, 503: readinessBody },
      async handle() {
        const result = await readiness({
          ...options.checks,
          stopping: () => (isStopping() ? 'the service is stopping' : null),
        });
        return { status: result.ready ? 200 : 503, body: result };
      },
    }),
    route({
      method: 'GET',
      path: '/metrics',
      access: { scope: 'metrics:read' },
      operationId: 'getMetrics',
      summary: 'Metrics as Prometheus reads them',
      tag: 'operations',
      answers: { 200: { raw: [{ contentType: metrics.registry.contentType }] } },
      async handle() {
        return { status: 200, contentType: metrics.registry.contentType, raw: await metrics.text() };
      },
    }),
    route({
      method: 'GET',
      path: '/openapi.json',
      access: { authenticated: true },
      operationId: 'getOpenApi',
      summary: 'This document',
      tag: 'operations',
      answers: { 200: z.looseObject({}) },
      handle: () => ({ status: 200, body: document.value as Record<string, unknown> }),
    }),
  ];
  for (const each of routes) checkAccess(each);
  document.value = openApiDocument({ title: `Tollgate ${options.name}`, version: options.version }, routes);
  return { routes, openApi: document.value };
}

/** What the types demand, demanded once more of whoever went around them. */
function checkAccess({ method, path, access }: Route): void {
  const declared: unknown = access;
  const where = `${method} ${path}`;
  if (declared === null || typeof declared !== 'object' || Object.keys(declared).length !== 1) {
    throw new HttpError(
      'route_access',
      `${where} must declare { scope } or, for health checks, { public: true }`,
    );
  }
  if ('scope' in access && !isScope(access.scope)) {
    throw new HttpError(
      'route_access',
      `${where} names the scope ${String(access.scope)}, which is not in the table`,
    );
  }
  if ('public' in access && !OPEN_PATHS.has(path)) {
    throw new HttpError(
      'route_access',
      `${where} is open, but nothing but ${[...OPEN_PATHS].join(' and ')} may be`,
    );
  }
}
