import type { z } from 'zod';
import { directoryData, directoryHeartbeatData } from './directory-events.ts';
import { decisionData, rejectionsData, requestData, usageData } from './request-events.ts';
import { adminData, chargeData, deadLetterData, limitData, periodData, priceData } from './service-events.ts';
import { sourceGapData, sourceHeartbeatData, sourceStartedData, sourceStoppedData } from './source-events.ts';

/** The topics, without the configured prefix (`tollgate.` by default). */
export const TOPICS = [
  'requests',
  'decisions',
  'usage',
  'sources',
  'admin',
  'charges',
  'periods',
  'directory',
  'prices',
  'limits',
  'dead-letter',
] as const;
export type Topic = (typeof TOPICS)[number];

/** Topics that hold the latest state per key: compacted, and followed rather than consumed. */
export const STATE_TOPICS: ReadonlySet<Topic> = new Set<Topic>(['directory', 'prices', 'limits']);

/** Every kind: its CloudEvents type, topic, whether its source numbers it, and the schema of its data. */
export const KINDS = {
  'tollgate.request.v1': { topic: 'requests', numbered: true, data: requestData },
  'tollgate.rejections.v1': { topic: 'requests', numbered: true, data: rejectionsData },
  'tollgate.decision.v1': { topic: 'decisions', numbered: true, data: decisionData },
  'tollgate.usage.v1': { topic: 'usage', numbered: true, data: usageData },
  'tollgate.source.started.v1': { topic: 'sources', numbered: true, data: sourceStartedData },
  'tollgate.source.heartbeat.v1': { topic: 'sources', numbered: false, data: sourceHeartbeatData },
  'tollgate.source.stopped.v1': { topic: 'sources', numbered: true, data: sourceStoppedData },
  'tollgate.source.gap.v1': { topic: 'sources', numbered: true, data: sourceGapData },
  'tollgate.admin.v1': { topic: 'admin', numbered: true, data: adminData },
  'tollgate.charge.v1': { topic: 'charges', numbered: true, data: chargeData },
  'tollgate.period.v1': { topic: 'periods', numbered: true, data: periodData },
  'tollgate.directory.v1': { topic: 'directory', numbered: true, data: directoryData },
  'tollgate.directory.heartbeat.v1': { topic: 'directory', numbered: false, data: directoryHeartbeatData },
  'tollgate.price.v1': { topic: 'prices', numbered: true, data: priceData },
  'tollgate.limit.v1': { topic: 'limits', numbered: true, data: limitData },
  'tollgate.dead-letter.v1': { topic: 'dead-letter', numbered: false, data: deadLetterData },
} as const satisfies Record<string, { topic: Topic; numbered: boolean; data: z.ZodType }>;

export type EventType = keyof typeof KINDS;
export type DataOf<T extends EventType> = z.infer<(typeof KINDS)[T]['data']>;

/** Whether `type` is one that this version knows. */
export function isKnownType(type: string): type is EventType {
  return Object.hasOwn(KINDS, type);
}

/** The topic that events of `type` travel on. */
export function topicOf(type: EventType): Topic {
  return KINDS[type].topic;
}
