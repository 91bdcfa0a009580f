import type { TopicLog } from '../../dead-letters/topic-log.ts';
import type { KafkaContext } from '../connection/context.ts';
import { createKafkaPublisher } from '../publish/publisher.ts';
import { readTopic } from './read-topic.ts';
import { topicOfName } from './topic-names.ts';

export function kafkaTopicLog(context: KafkaContext): TopicLog {
  return {
    read: (topic, take, range) =>
      readTopic(
        context,
        topic,
        (partition, { offset, value }) => take(partition, BigInt(offset), value),
        range,
      ),
    topicOfName: (name) => topicOfName(context.config, name),
    async publish(message) {
      const publisher = createKafkaPublisher(context);
      try {
        await publisher.publish([message]);
      } finally {
        await publisher.close();
      }
    },
    close: async () => {},
  };
}
