import { randomBytes } from 'node:crypto';
import { type EventDraft, serializeEvent, uuidV7 } from '@tollgate/events';

const SOURCE = '/gateways/contract/epoch';
const TIME = '2026-01-01T00:00:00.000Z';

export type SampleEvent = { readonly id: string; readonly value: Buffer };

/** A draft of topic `requests`; `padding` makes it longer. */
export function sampleDraft(padding = 0): EventDraft<'tollgate.rejections.v1'> {
  return {
    type: 'tollgate.rejections.v1',
    id: uuidV7(Date.now(), randomBytes(16)),
    subject: `sample${'.'.repeat(Math.min(padding, 200))}`,
    time: TIME,
    data: { minute: TIME, counts: [], other: 0 },
  };
}

/** Events of topic `requests`. */
export function sampleEvents(count: number): SampleEvent[] {
  return Array.from({ length: count }, (_, index) => {
    const draft = sampleDraft();
    return { id: draft.id, value: serializeEvent(draft, SOURCE, index + 1) };
  });
}

/** An event in a major version that nobody knows yet. */
export function eventOfTheFuture(): SampleEvent {
  const draft = sampleDraft();
  const text = serializeEvent(draft, SOURCE, 1).toString('utf8');
  return { id: draft.id, value: Buffer.from(text.replace('rejections.v1', 'rejections.v9')) };
}
