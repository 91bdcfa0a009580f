import { openPool } from '@tollgate/database';
import { parseEvent } from '@tollgate/events';
import { createLogger } from '@tollgate/telemetry';
import { createKafkaBus, startOutboxRelay } from '../index.ts';
import { effectsOf } from './effects.ts';

/** What a victim is told, as JSON in its first argument. */
export type VictimOrders = {
  readonly role: 'consumer' | 'relay';
  readonly brokers: readonly string[];
  readonly topicPrefix: string;
  readonly databaseUrl: string;
  readonly sessionTimeoutMs: number;
};

/** A process that consumes or relays until it is killed: started by tests, and by nothing else. */
const orders: VictimOrders = JSON.parse(process.argv[2] ?? '');
const logger = createLogger({ service: 'victim', level: 'silent' });
const connection = { url: orders.databaseUrl, applicationName: `victim-${orders.role}` };
const pool = openPool(connection);
const bus = createKafkaBus(orders, { logger, consume: { sessionTimeoutMs: orders.sessionTimeoutMs } });
if (orders.role === 'consumer') {
  await bus.consume({
    group: 'victims',
    topics: ['requests', 'sources'],
    pool,
    parse: parseEvent,
    maxBatch: 20,
    handle: effectsOf(String(process.pid)),
  });
} else {
  const publisher = await bus.createPublisher();
  startOutboxRelay({ pool, connection, service: 'victim', publisher, logger });
}
