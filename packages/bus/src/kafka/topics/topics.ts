import { setTimeout as sleep } from 'node:timers/promises';
import { STATE_TOPICS, TOPICS, type Topic } from '@tollgate/events';
import type { Logger } from '@tollgate/telemetry';
import kafkajs, { type Admin } from 'kafkajs';
import { BusError } from '../../errors.ts';
import { withAdmin } from '../connection/admin.ts';
import type { KafkaConfig } from '../connection/config.ts';

export type TopicOptions = {
  /** Per topic; 12 unless given. */
  readonly partitions?: number;
  /** 3 unless given, or as many as there are brokers if fewer. */
  readonly replicationFactor?: number;
  /** 2 unless given, or the replication factor if less. */
  readonly minInsyncReplicas?: number;
  /** Of topics that are not compacted; 7 days unless given. */
  readonly retentionMs?: number;
};

/** A topic as it should be. */
export type TopicPlan = {
  readonly topic: Topic;
  /** In Kafka. */
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly settings: Readonly<Record<string, string>>;
};

export type TopicState =
  | { readonly name: string; readonly state: 'created' | 'to-create' | 'as-planned' | 'exists-unverified' }
  | { readonly name: string; readonly state: 'different'; readonly differences: readonly string[] };

export type TopicsReport = { readonly brokers: number; readonly topics: readonly TopicState[] };

const DEFAULT_PARTITIONS = 12;
const DEFAULT_REPLICATION_FACTOR = 3;
const DEFAULT_MIN_INSYNC_REPLICAS = 2;
const WEEK_MS = 7 * 24 * 60 * 60 * 1_000;
const CREATE_TIMEOUT_MS = 30_000;
const LEADER_POLL_MS = 50;

/** What the topics should be on a cluster of so many brokers. Pure. */
export function planTopics(
  config: Pick<KafkaConfig, 'topicPrefix'>,
  brokers: number,
  options: TopicOptions = {},
): TopicPlan[] {
  const replicationFactor = options.replicationFactor ?? Math.min(DEFAULT_REPLICATION_FACTOR, brokers);
  if (replicationFactor > brokers) {
    throw new BusError(
      'bad-config',
      `a replication factor of ${replicationFactor} needs as many brokers; there are ${brokers}`,
    );
  }
  const inSync = Math.min(options.minInsyncReplicas ?? DEFAULT_MIN_INSYNC_REPLICAS, replicationFactor);
  const retentionMs = options.retentionMs ?? WEEK_MS;
  return TOPICS.map((topic) => ({
    topic,
    name: `${config.topicPrefix}${topic}`,
    partitions: options.partitions ?? DEFAULT_PARTITIONS,
    replicationFactor,
    settings: {
      'min.insync.replicas': String(inSync),
      ...(STATE_TOPICS.has(topic)
        ? // Followers that were away for a week still see every change; older ones may be merged.
          { 'cleanup.policy': 'compact', 'min.compaction.lag.ms': String(WEEK_MS) }
        : { 'cleanup.policy': 'delete', 'retention.ms': String(retentionMs) }),
    },
  }));
}

/**
 * Creates the topics that are missing and compares those that are there with the plan; changes none of them. Where
 * all are there, no right to create or to read settings is needed.
 *
 * @throws BusError `bad-config`; `not-allowed` where some are missing, or hidden from this user, who may not create
 *   topics; kafkajs' error where the cluster refuses or can't be reached
 */
export async function initTopics(
  config: KafkaConfig,
  options: TopicOptions & { readonly logger: Logger; readonly dryRun?: boolean },
): Promise<TopicsReport> {
  return withAdmin({ config, clientId: 'tollgate-topics', logger: options.logger }, async (admin) => {
    const { brokers } = await admin.describeCluster();
    const plans = planTopics(config, brokers.length, options);
    const existing = new Set(await admin.listTopics());
    const missing = plans.filter((plan) => !existing.has(plan.name));
    if (missing.length > 0 && options.dryRun !== true) await create(admin, missing);
    const topics: TopicState[] = [];
    for (const plan of plans) {
      topics.push(
        missing.includes(plan)
          ? { name: plan.name, state: options.dryRun === true ? 'to-create' : 'created' }
          : await compare(admin, plan),
      );
    }
    return { brokers: brokers.length, topics };
  });
}

async function create(admin: Admin, plans: readonly TopicPlan[]): Promise<void> {
  const creation = admin.createTopics({
    waitForLeaders: false,
    timeout: CREATE_TIMEOUT_MS,
    topics: plans.map((plan) => ({
      topic: plan.name,
      numPartitions: plan.partitions,
      replicationFactor: plan.replicationFactor,
      configEntries: Object.entries(plan.settings).map(([name, value]) => ({ name, value })),
    })),
  });
  await creation.catch((error: unknown) => {
    if (!isRefusal(error)) throw error;
    const names = plans.map((plan) => plan.name).join(', ');
    throw new BusError(
      'not-allowed',
      `this user may not create topics, and these are missing or hidden from it: ${names}`,
      { cause: error },
    );
  });
  const deadline = performance.now() + CREATE_TIMEOUT_MS;
  while (!(await haveLeaders(admin, plans))) {
    if (performance.now() > deadline) {
      throw new BusError(
        'broker-unreachable',
        `topics were created, but have no leaders after ${CREATE_TIMEOUT_MS / 1000} s: look at the brokers' logs`,
      );
    }
    await sleep(LEADER_POLL_MS);
  }
}

/** kafkajs' own waiting gives up where a broker has not heard of the new topics yet. */
async function haveLeaders(admin: Admin, plans: readonly TopicPlan[]): Promise<boolean> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: plans.map((plan) => plan.name) });
    return topics.every((topic) => topic.partitions.every((partition) => partition.leader >= 0));
  } catch (error) {
    const type: unknown = error instanceof Error ? Reflect.get(error, 'type') : undefined;
    if (type === 'UNKNOWN_TOPIC_OR_PARTITION' || type === 'LEADER_NOT_AVAILABLE') return false;
    throw error;
  }
}

async function compare(admin: Admin, plan: TopicPlan): Promise<TopicState> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [plan.name] });
  const partitions = topics[0]?.partitions ?? [];
  const replicas = Math.min(...partitions.map((partition) => partition.replicas.length));
  const differences: string[] = [];
  const note = (what: string, actual: unknown, planned: unknown) => {
    if (String(actual) !== String(planned)) differences.push(`${what} is ${actual}, planned ${planned}`);
  };
  note('partitions', partitions.length, plan.partitions);
  note('replication factor', replicas, plan.replicationFactor);
  const settings = await readSettings(admin, plan);
  if (settings === null && differences.length === 0) return { name: plan.name, state: 'exists-unverified' };
  for (const [name, planned] of Object.entries(plan.settings)) {
    if (settings !== null) note(name, settings.get(name), planned);
  }
  return differences.length === 0
    ? { name: plan.name, state: 'as-planned' }
    : { name: plan.name, state: 'different', differences };
}

/** Null where we have no right to read them. */
async function readSettings(admin: Admin, plan: TopicPlan): Promise<Map<string, string> | null> {
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: plan.name,
          configNames: Object.keys(plan.settings),
        },
      ],
    });
    return new Map(
      resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]),
    );
  } catch (error) {
    if (isRefusal(error)) return null;
    throw error;
  }
}

/** Whether the broker says that we have not the right, once or for each of several topics. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const parts: unknown = Reflect.get(error, 'errors');
  if (Array.isArray(parts) && parts.length > 0) return parts.some(isRefusal);
  const type: unknown = Reflect.get(error, 'type');
  return type === 'TOPIC_AUTHORIZATION_FAILED' || type === 'CLUSTER_AUTHORIZATION_FAILED';
}
