import { TOPICS, type Topic } from '@tollgate/events';
import type { KafkaConfig } from '../connection/config.ts';

/** One rule of Kafka's access control, for a principal that the administrator chooses. */
export type AccessRule = {
  readonly resource: 'topic' | 'group';
  readonly pattern: 'literal' | 'prefixed';
  readonly name: string;
  readonly operations: readonly ('Read' | 'Write' | 'Describe')[];
};

export type ServiceAccess = { readonly service: string; readonly rules: readonly AccessRule[] };

type Needs = {
  readonly writes: readonly Topic[];
  readonly consumes: readonly Topic[];
  readonly follows: readonly Topic[];
};

/** Every service publishes its own starts and changes, and puts aside what it can't read. */
const OF_EVERY_SERVICE: readonly Topic[] = ['sources', 'admin', 'dead-letter'];

/** What each service does on the bus (docs/architecture.md). */
const NEEDS: Readonly<Record<string, Needs>> = {
  gateway: {
    // `admin` for readings, where a policy logs all access.
    writes: ['requests', 'decisions', 'usage', 'sources', 'admin'],
    consumes: [],
    follows: ['directory', 'prices', 'limits'],
  },
  directory: { writes: [...OF_EVERY_SERVICE, 'directory'], consumes: [], follows: ['directory'] },
  audit: {
    writes: OF_EVERY_SERVICE,
    consumes: TOPICS.filter((topic) => topic !== 'dead-letter'),
    follows: ['directory'],
  },
  chargeback: {
    writes: [...OF_EVERY_SERVICE, 'charges', 'periods', 'prices'],
    consumes: ['usage', 'sources'],
    follows: ['directory'],
  },
  budgets: {
    writes: [...OF_EVERY_SERVICE, 'limits'],
    consumes: ['usage', 'sources'],
    follows: ['directory', 'prices'],
  },
  'databricks-sync': {
    writes: OF_EVERY_SERVICE,
    consumes: TOPICS.filter((topic) => topic !== 'dead-letter'),
    follows: ['directory'],
  },
};

/** The least each service must be allowed to do; Describe comes with Read and Write. */
export function accessList(config: Pick<KafkaConfig, 'topicPrefix'>): ServiceAccess[] {
  const topicRules = (topics: readonly Topic[], operation: 'Read' | 'Write'): AccessRule[] =>
    topics.map((topic) => ({
      resource: 'topic',
      pattern: 'literal',
      name: `${config.topicPrefix}${topic}`,
      operations: [operation, 'Describe'],
    }));
  return Object.entries(NEEDS).map(([service, { writes, consumes, follows }]) => ({
    service,
    rules: [
      ...topicRules(writes, 'Write'),
      ...topicRules([...new Set([...consumes, ...follows])], 'Read'),
      ...(consumes.length === 0 ? [] : [groupRule('literal', `${config.topicPrefix}${service}`)]),
      ...follows.map((topic) => groupRule('prefixed', `${config.topicPrefix}follow.${topic}.`)),
    ],
  }));
}

function groupRule(pattern: AccessRule['pattern'], name: string): AccessRule {
  return { resource: 'group', pattern, name, operations: ['Read', 'Describe'] };
}
