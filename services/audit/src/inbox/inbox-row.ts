import type { InboxEvent } from './inbox-event.ts';

/** An event on its way into the log. */
export interface InboxRow extends Omit<InboxEvent, 'id'> {
  readonly arrival: number;
  readonly eventId: string;
  readonly receivedMs: number;
  readonly salt: Buffer;
  readonly bytes: Buffer;
}
