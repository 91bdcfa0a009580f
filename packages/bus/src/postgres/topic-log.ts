import { openPool } from '@tollgate/database';
import { TOPICS } from '@tollgate/events';
import type { Logger } from '@tollgate/telemetry';
import type { TopicLog } from '../dead-letters/topic-log.ts';
import { explain, readLogs, readPage } from './log.ts';
import { createPostgresPublisher } from './publisher.ts';

const PAGE = { maxMessages: 500, maxBytes: 8 * 1024 * 1024 };

/** @param url of a role that may read the bus, and append to the topics that are published to */
export function postgresTopicLog(options: {
  readonly url: string;
  readonly applicationName: string;
  readonly logger: Logger;
}): TopicLog {
  const pool = openPool({ ...options, maxConnections: 2 });
  return {
    async read(topic, take, range = {}) {
      try {
        for (const { partition, low, high } of await readLogs(pool, [topic])) {
          if (range.partition !== undefined && range.partition !== partition) continue;
          const end = range.toOffset === undefined || range.toOffset > high ? high : range.toOffset;
          let next = range.fromOffset === undefined || range.fromOffset < low ? low : range.fromOffset;
          while (next < end) {
            const page = await readPage(pool, topic, partition, next, PAGE);
            for (const { offset, value } of page.messages) if (offset < end) take(partition, offset, value);
            next = page.messages.length === 0 ? end : page.next;
          }
        }
      } catch (error) {
        throw explain(error);
      }
    },
    topicOfName: (name) => TOPICS.find((topic) => topic === name),
    async publish(message) {
      const publisher = createPostgresPublisher({
        ...options,
        pool,
        nowMs: Date.now,
        random: Math.random,
      });
      try {
        await publisher.publish([message]);
      } finally {
        await publisher.close();
      }
    },
    close: () => pool.end(),
  };
}
