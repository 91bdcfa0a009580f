import { crc32 } from 'node:zlib';

/**
 * Which partitions of a topic are one member's: dealt out in turn, beginning with another member for each topic, so
 * that a group's topics spread evenly. Members that see the same members deal alike; while they don't, claims decide.
 *
 * @param members in the same order for everybody
 * @returns numbers from 0 to `partitions` − 1; none where `me` is not a member
 */
export function shareOf(topic: string, partitions: number, members: readonly number[], me: number): number[] {
  const mine = members.indexOf(me);
  if (mine === -1) return [];
  const first = crc32(topic) % members.length;
  return Array.from({ length: partitions }, (_, partition) => partition).filter(
    (partition) => (first + partition) % members.length === mine,
  );
}
