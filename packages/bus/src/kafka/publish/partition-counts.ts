import type { Topic } from '@tollgate/events';
import { BusError } from '../../errors.ts';
import { withAdmin } from '../connection/admin.ts';
import type { KafkaContext } from '../connection/context.ts';
import { topicName } from '../topics/topic-names.ts';

/** How many partitions topics have; asked once per topic, and again after a failure. */
export class PartitionCounts {
  private readonly context: KafkaContext;
  private readonly known = new Map<Topic, number>();

  constructor(context: KafkaContext) {
    this.context = context;
  }

  /** @throws BusError `topic-missing` */
  async of(topic: Topic): Promise<number> {
    const known = this.known.get(topic);
    if (known !== undefined) return known;
    const name = topicName(this.context.config, topic);
    const count = await withAdmin(this.context, async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [name] });
      return topics[0]?.partitions.length ?? 0;
    }).catch((error: unknown) => {
      if (isUnknownTopic(error)) return 0;
      throw error;
    });
    if (count === 0) {
      throw new BusError('topic-missing', `topic ${name} is not there: run \`tollgate topics init\``);
    }
    this.known.set(topic, count);
    return count;
  }

  forget(topic: Topic): void {
    this.known.delete(topic);
  }
}

/** Whether kafkajs says that a topic does not exist. */
export function isUnknownTopic(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, 'type') === 'UNKNOWN_TOPIC_OR_PARTITION';
}
