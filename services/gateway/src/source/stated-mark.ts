import { EVENT_KINDS, typeOf } from '../spool/frame.ts';
import type { Mark } from '../spool/segment-header.ts';

/** A mark as events state it: counts per event type, without those that are zero; the chain in hex. */
export type StatedMark = {
  through: number;
  counts: Record<string, number>;
  chain: string;
};

export function statedMark(mark: Mark): StatedMark {
  const counts: Record<string, number> = {};
  for (let kind = 0; kind < EVENT_KINDS; kind += 1) {
    const type = typeOf(kind);
    const count = mark.counts[kind] ?? 0;
    if (type !== undefined && count > 0) counts[type] = count;
  }
  return { through: mark.sequence, counts, chain: Buffer.from(mark.chain, 'latin1').toString('hex') };
}
