import type { AddressInfo } from 'node:net';
import type { Logger, Metrics } from '@tollgate/telemetry';
import type { FastifyInstance } from 'fastify';
import { Door } from './api/door.ts';
import { Evaluations } from './api/evaluations.ts';
import { createServer } from './api/server.ts';
import type { Budgets } from './budgets/budgets.ts';
import { AccessLog } from './callers/access-log.ts';
import type { Authenticate } from './callers/caller.ts';
import { RejectionCounter } from './callers/rejections.ts';
import { UpstreamRequests } from './calls/attempts/upstream-requests.ts';
import { Deliveries } from './calls/deliveries.ts';
import type { CallLimits } from './calls/environment.ts';
import { AdmissionControl } from './calls/intake/admission-control.ts';
import { Intake } from './calls/intake/intake.ts';
import { RunningCalls } from './calls/running-calls.ts';
import { Subjects } from './calls/subjects.ts';
import type { Clock } from './clock.ts';
import { AttributionTexts } from './events/attribution-text.ts';
import { IdSource, type RandomBytes } from './events/ids.ts';
import { InstantWriter } from './events/instants.ts';
import { Recorder } from './events/recorder.ts';
import { RequestEvents } from './events/request-events.ts';
import { Tallies } from './metrics.ts';
import type { Payloads } from './payloads/payloads.ts';
import type { Policy } from './policy/policy.ts';
import type { Spool } from './spool/spool.ts';

/** How often minutes of rejections are looked at, in milliseconds. */
const REJECTIONS_INTERVAL_MS = 1000;

/** How often idle connections are closed while shutting down, and after how long all are, in milliseconds. */
const CLOSE_IDLE_INTERVAL_MS = 20;
const CLOSE_ALL_AFTER_MS = 2000;

/** Connections that may wait to be accepted. */
const LISTEN_BACKLOG = 4096;

export interface GatewayOptions {
  readonly limits: CallLimits;
  /** The largest body that is taken in, in bytes. */
  readonly maxBodyBytes: number;
  readonly maxInFlight: number;
  /** How old the last word of the directory may be before audited routes fail closed, in milliseconds. */
  readonly maxDirectoryAgeMs: number;
}

/** What the gateway is made of; each can be replaced by a test. */
export interface GatewayParts {
  readonly options: GatewayOptions;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly spool: Spool;
  readonly authenticate: Authenticate;
  readonly policy: () => Policy;
  /** How long ago the directory last said that it is well, in milliseconds; Infinity: never. */
  readonly directoryAgeMs: () => number;
  /** Whether the bearer of an `authorization` header may read metrics. */
  readonly mayReadMetrics: (authorization: string | undefined) => boolean;
  /** Troubles of the parts behind the gateway (bus, spool, directory); empty when all is well. */
  readonly troubles?: () => readonly string[];
  /** What is not as it should be, though calls can be served; shown by readiness, which stays as it is. */
  readonly warnings?: () => readonly string[];
  /** Told of each call that passes unrecorded because the spool is full and its policy lets it. */
  readonly countUnrecorded?: () => void;
  readonly random?: RandomBytes;
  /** Holds requests to limits; without it there are none. */
  readonly budgets?: Budgets;
  /** Keeps bodies for the payload vault; without it there is none. */
  readonly payloads?: Payloads;
}

export interface Gateway {
  readonly app: FastifyInstance;
  /** Begins to accept requests. @returns the address, such as `http://127.0.0.1:41002` */
  listen(host: string, port: number): Promise<string>;
  /** Calls in flight. */
  inFlight(): number;
  /** Open connections of callers. */
  connections(): number;
  /** Looks at deadlines now, as the timer does. */
  sweep(): void;
  /**
   * Stops accepting, lets calls in flight end, gives up those that are left after `deadlineMs`. Everything that
   * will ever be appended to the spool has been when this resolves.
   */
  close(deadlineMs: number): Promise<void>;
}

export function createGateway(parts: GatewayParts): Gateway {
  const { clock, spool, options, directoryAgeMs } = parts;
  const ids = new IdSource(clock, parts.random);
  const events = new RequestEvents(spool.source, clock, ids, new InstantWriter());
  const running = new RunningCalls(clock);
  const tallies = new Tallies(parts.metrics);
  const rejections = new RejectionCounter(clock, spool, ids);
  const directoryFresh = () => directoryAgeMs() <= options.maxDirectoryAgeMs;
  let closed = false;
  const troubles = (): string[] => [
    ...(closed ? ['shutting down'] : []),
    ...(directoryFresh() ? [] : ['the directory has not been heard of for too long']),
    ...(parts.troubles?.() ?? []),
  ];
  tallies.observe({
    inFlight: () => running.size,
    connections: () => connections,
    directoryAgeSeconds: () => directoryAgeMs() / 1000,
  });
  const env = {
    clock,
    spool,
    recorder: new Recorder(spool, events),
    subjects: new Subjects(events, new AttributionTexts()),
    requests: new UpstreamRequests(),
    deliveries: new Deliveries(spool),
    running,
    tallies,
    limits: options.limits,
    budgets: parts.budgets ?? null,
    payloads: parts.payloads ?? null,
    log: parts.log,
  };
  const intake = new Intake({
    env,
    policy: parts.policy,
    admission: new AdmissionControl({
      env,
      rejections,
      directoryFresh,
      maxInFlight: options.maxInFlight,
      countUnrecorded: parts.countUnrecorded ?? (() => {}),
    }),
  });
  const door = new Door({
    clock,
    ids,
    authenticate: parts.authenticate,
    rejections,
    intake,
    tallies,
    closed: () => closed,
    maxBodyBytes: options.maxBodyBytes,
  });
  const { policy, mayReadMetrics } = parts;
  const warnings = parts.warnings ?? (() => []);
  const accesses = new AccessLog({ clock, ids, spool, log: parts.log });
  const { maxBodyBytes } = options;
  const evaluations = new Evaluations({ door, accesses, policy, maxBodyBytes });
  const app = createServer({
    door,
    evaluations,
    accesses,
    ids,
    tallies,
    policy,
    mayReadMetrics,
    troubles,
    warnings,
  });
  let connections = 0;
  app.server.on('connection', (socket) => {
    connections += 1;
    socket.once('close', () => {
      connections -= 1;
    });
  });
  let rejectionTimer: NodeJS.Timeout | null = null;
  return {
    app,
    async listen(host, port) {
      await app.listen({ host, port, backlog: LISTEN_BACKLOG });
      running.start();
      rejectionTimer = setInterval(() => rejections.tell(false), REJECTIONS_INTERVAL_MS).unref();
      const address = app.server.address() as AddressInfo;
      return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
    },
    inFlight: () => running.size,
    connections: () => connections,
    sweep() {
      running.sweep();
      rejections.tell(false);
    },
    async close(deadlineMs) {
      closed = true;
      const ended = app.close();
      await running.drain(deadlineMs);
      await closeConnections(app, ended);
      // What was still being taken in when the first drain ended.
      await running.drain(CLOSE_ALL_AFTER_MS);
      running.stop();
      if (rejectionTimer !== null) clearInterval(rejectionTimer);
      rejections.tell(true);
    },
  };
}

/** Lets the last answers out, and closes what connections are left once they lie idle, or after a while in any case. */
async function closeConnections(app: FastifyInstance, ended: Promise<unknown>): Promise<void> {
  const idle = setInterval(() => app.server.closeIdleConnections(), CLOSE_IDLE_INTERVAL_MS);
  const all = setTimeout(() => app.server.closeAllConnections(), CLOSE_ALL_AFTER_MS);
  try {
    await ended;
  } finally {
    clearInterval(idle);
    clearTimeout(all);
  }
}
