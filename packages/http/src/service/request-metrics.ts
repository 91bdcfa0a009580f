import type { Metrics } from '@tollgate/telemetry';
import type { FastifyInstance } from 'fastify';

const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15];
const MS_PER_SECOND = 1_000;

/** Measures every request by its route's pattern, never by its path. */
export function installRequestMetrics(app: FastifyInstance, name: string, metrics: Metrics): void {
  const seconds = metrics.histogram({
    name: `tollgate_${name.replaceAll('-', '_')}_http_request_duration_seconds`,
    help: 'Time from the arrival of a request to the end of its answer.',
    labels: ['method', 'route', 'status'],
    buckets: BUCKETS_SECONDS,
  });
  app.addHook('onResponse', async (request, reply) => {
    seconds.observe(
      {
        method: request.method,
        route: request.routeOptions.url ?? 'unknown',
        status: String(reply.statusCode),
      },
      reply.elapsedTime / MS_PER_SECOND,
    );
  });
}
