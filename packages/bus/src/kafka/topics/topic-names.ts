import { TOPICS, type Topic } from '@tollgate/events';
import type { KafkaConfig } from '../connection/config.ts';

/** The topic's name in Kafka. */
export function topicName(config: KafkaConfig, topic: Topic): string {
  return `${config.topicPrefix}${topic}`;
}

/** The topic of ours that a Kafka topic is; undefined for any other. */
export function topicOfName(config: KafkaConfig, name: string): Topic | undefined {
  return TOPICS.find((topic) => topicName(config, topic) === name);
}

/** The group's name in Kafka: prefixed as topics are, so that one ACL covers them and installations don't mix. */
export function groupName(config: KafkaConfig, group: string): string {
  return `${config.topicPrefix}${group}`;
}
