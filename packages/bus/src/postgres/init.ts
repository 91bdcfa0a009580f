import path from 'node:path';
import { type MigrationSet, migrate, openPool, type Transaction, transaction } from '@tollgate/database';
import { STATE_TOPICS, TOPICS, type Topic } from '@tollgate/events';
import type { Logger } from '@tollgate/telemetry';
import { BusError } from '../errors.ts';
import { accessList } from '../kafka/topics/access-list.ts';

/** A role that uses the bus. */
export type BusRole = {
  readonly role: string;
  /** Makes the role the bus's own (the gateway has no schema): created where missing, with this password. */
  readonly rolePassword?: string;
  /** Topics that it may append to; what the service of that name writes, unless given. */
  readonly writes?: readonly Topic[];
};

export type EmbeddedBusOptions = {
  /** URL of the database as its owner, who can create roles and schemas. Services never have it. */
  readonly ownerUrl: string;
  readonly roles: readonly BusRole[];
  /** Of each new topic; 4 unless given. */
  readonly partitions?: number;
  /** Of each new topic; 7 days unless given. */
  readonly retentionMs?: number;
  /** Of each new state topic: how long a superseded message stays, though every group has read it; 1 h unless given. */
  readonly compactionLagMs?: number;
  readonly logger?: Logger;
};

const SCHEMA = 'bus';
const DEFAULT_PARTITIONS = 4;
const WEEK_MS = 7 * 24 * 60 * 60 * 1_000;
const HOUR_MS = 60 * 60 * 1_000;

const migrations: MigrationSet = {
  name: 'embedded-bus',
  folder: path.join(import.meta.dirname, '..', '..', 'migrations-embedded'),
};

/**
 * Makes the embedded bus in a database, or brings it up to this release: schema, functions, topics that are missing,
 * and what each role may do. Roles may read everything, append to their topics, and change nothing. Idempotent;
 * topics that are there stay as they are. A role without a password has to be there already.
 *
 * @throws BusError `bad-config`; DatabaseError as `migrate`
 */
export async function initEmbeddedBus(options: EmbeddedBusOptions): Promise<void> {
  const { ownerUrl, logger } = options;
  const logged = logger === undefined ? {} : { logger };
  await migrate({ ownerUrl, schema: SCHEMA, role: SCHEMA, sets: [migrations], ...logged });
  for (const { role, rolePassword } of options.roles) {
    if (rolePassword === undefined) continue;
    await migrate({ ownerUrl, schema: SCHEMA, role, rolePassword, sets: [], ...logged });
  }
  const pool = openPool({ url: ownerUrl, applicationName: 'tollgate-bus-init', maxConnections: 1 });
  try {
    await transaction(pool, async (tx) => {
      // The lock of `migrate`: two that grant on the same table at once fail by "tuple concurrently updated".
      await tx.query("SELECT pg_advisory_xact_lock(hashtextextended('tollgate.migrate', 0))");
      await createTopics(tx, options);
      for (const role of options.roles) await admit(tx, role);
    });
  } finally {
    await pool.end();
  }
}

async function createTopics(tx: Transaction, options: EmbeddedBusOptions): Promise<void> {
  for (const topic of TOPICS) {
    await tx.query('SELECT bus.create_topic($1, $2, $3, $4, $5)', [
      topic,
      options.partitions ?? DEFAULT_PARTITIONS,
      STATE_TOPICS.has(topic),
      options.retentionMs ?? WEEK_MS,
      options.compactionLagMs ?? HOUR_MS,
    ]);
  }
}

async function admit(tx: Transaction, { role, writes = writesOf(role) }: BusRole): Promise<void> {
  const { rows } = await tx.query<{ name: string }>(
    'SELECT quote_ident(rolname) AS name FROM pg_roles WHERE rolname = $1',
    [role],
  );
  const [found] = rows;
  if (found === undefined) {
    throw new BusError('bad-config', `there is no role ${role}: migrate its service's schema first`);
  }
  await tx.query(`GRANT USAGE ON SCHEMA bus TO ${found.name}`);
  await tx.query(`GRANT SELECT ON ALL TABLES IN SCHEMA bus TO ${found.name}`);
  await tx.query(`GRANT EXECUTE ON FUNCTION bus.append, bus.note_progress, bus.sweep TO ${found.name}`);
  await tx.query('DELETE FROM bus.topic_writer WHERE role = $1', [role]);
  await tx.query(
    'INSERT INTO bus.topic_writer (topic, role) SELECT topic, $1 FROM unnest($2::text[]) AS topic',
    [role, [...writes]],
  );
}

/** What the service of that name publishes, as Kafka's access list has it. */
function writesOf(role: string): Topic[] {
  const service = role.replaceAll('_', '-');
  const access = accessList({ topicPrefix: '' }).find((entry) => entry.service === service);
  if (access === undefined) {
    throw new BusError('bad-config', `${role} is the role of no service: name the topics that it writes`);
  }
  const names = access.rules
    .filter(({ resource, operations }) => resource === 'topic' && operations.includes('Write'))
    .map(({ name }) => name);
  return TOPICS.filter((topic) => names.includes(topic));
}
