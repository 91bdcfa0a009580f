import type { Topic } from '@tollgate/events';
import type { Statements } from './log.ts';

/** One channel per topic, whose payload is a partition; and one per group, when its members or their shares change. */
const TOPIC_CHANNEL = 'tollgate_bus.topic.';
const GROUP_CHANNEL = 'tollgate_bus.group.';
/** Postgres cuts identifiers, and so channels, at 63 bytes. */
const MAX_CHANNEL_BYTES = 63;

export function topicChannel(topic: Topic): string {
  return `${TOPIC_CHANNEL}${topic}`;
}

/** Groups whose names begin alike may share a channel: a notification only asks to look. */
export function groupChannel(group: string): string {
  return `${GROUP_CHANNEL}${group.replaceAll(/[^A-Za-z0-9._-]/g, '-')}`.slice(0, MAX_CHANNEL_BYTES);
}

/** The partition that a notification names; null where it names none, so that all have to be looked at. */
export function partitionOf(payload: string | undefined): number | null {
  return payload !== undefined && /^\d{1,9}$/.test(payload) ? Number(payload) : null;
}

/** Tells whoever listens that these partitions have grown: one notification each, however many messages. */
export async function announce(
  database: Statements,
  parts: readonly { readonly topic: Topic; readonly partition: number }[],
): Promise<void> {
  await database.query({
    name: 'bus.announce',
    text: 'SELECT pg_notify(channel, payload) FROM unnest($1::text[], $2::text[]) AS n (channel, payload)',
    values: [parts.map(({ topic }) => topicChannel(topic)), parts.map(({ partition }) => String(partition))],
  });
}

/** Asks the members of a group to look at their shares. */
export async function announceGroup(database: Statements, group: string): Promise<void> {
  await database.query({
    name: 'bus.announce_group',
    text: "SELECT pg_notify($1, '')",
    values: [groupChannel(group)],
  });
}
