/**
 * Logging and metrics that every service shares.
 *
 * `createLogger` gives a pino logger that writes one JSON line per record to stdout; `createMetrics` gives a
 * Prometheus registry of the service's own, so that several services can run in one process without sharing
 * (or colliding on) a global one. Nothing here reads the environment: the caller passes what it parsed.
 *
 * Hot path: incrementing a counter or observing a histogram is a map look-up per label set; a log call below the
 * configured level is one comparison. A written record costs a JSON encoding and one scan of the line for
 * credentials, so nothing is logged per request.
 *
 * Invariants: no credential leaves in a log line. Members with a credential's name are replaced down to three
 * levels deep, and whatever still looks like one of our tokens, a bearer token or a password within a URL is
 * replaced in the finished line.
 *
 * Known limits: a credential of a foreign form, under a member whose name does not tell, passes. Prompts and
 * bodies are not recognised at all: do not log them.
 */

export { TelemetryError, type TelemetryErrorCode } from './errors.ts';
export { createLogger, LOG_LEVELS, type Logger, type LoggerOptions, type LogLevel } from './logger.ts';
export {
  type Counter,
  createMetrics,
  type Gauge,
  type Histogram,
  type MetricDefinition,
  type Metrics,
  type MetricsOptions,
} from './metrics.ts';
