import { type EventType, formatSequence, parseEvent, type TollgateEvent } from '@tollgate/events';
import type { Durability, Hold, Position, Spool } from '../spool/spool.ts';

interface Appended {
  readonly type: EventType;
  readonly json: string;
  readonly event: TollgateEvent;
}

/** A spool in memory for tests of calls alone: each append is checked against the event contract. */
export class MemorySpool implements Spool {
  readonly source = '/gateways/test/epoch-1';
  readonly appended: Appended[] = [];
  readonly frames: { requestId: string; outputBytes: number; outputTokens: number }[] = [];
  /** Events appended before the latest flush. */
  flushed = 0;
  flushes = 0;
  openHolds = 0;
  full = false;
  /** The error that waiting for durability ends with. */
  failure: Error | null = null;
  flushFailure: Error | null = null;
  /** While true, nothing becomes safe. */
  stuck = false;
  #stuckCallbacks: ((error: Error | null) => void)[] = [];

  nextSequence(): string {
    return formatSequence(this.appended.length + 1);
  }

  append(type: EventType, json: string): Position {
    if (this.full) throw new Error('spool-full');
    const parsed = parseEvent(Buffer.from(json));
    if (parsed.kind !== 'event') throw new Error(`not an event: ${JSON.stringify(parsed)} in ${json}`);
    if (parsed.event.type !== type) throw new Error(`a ${parsed.event.type} was appended as ${type}`);
    if (parsed.event.sequence !== this.nextSequence()) throw new Error('out of sequence');
    this.appended.push({ type, json, event: parsed.event });
    return this.appended.length;
  }

  hasRoom(): boolean {
    return !this.full;
  }

  hold(): Hold {
    this.openHolds += 1;
    let held = true;
    return {
      release: () => {
        if (!held) throw new Error('a hold was released twice');
        held = false;
        this.openHolds -= 1;
      },
    };
  }

  progress(requestId: string, outputBytes: number, outputTokens: number): void {
    this.frames.push({ requestId, outputBytes, outputTokens });
  }

  flush(): void {
    this.flushes += 1;
    if (this.flushFailure !== null) throw this.flushFailure;
    this.flushed = this.appended.length;
  }

  after(_level: Durability, _position: Position, done: (error: Error | null) => void): void {
    if (this.stuck) this.#stuckCallbacks.push(done);
    else setImmediate(() => done(this.failure));
  }

  unstick(): void {
    this.stuck = false;
    for (const done of this.#stuckCallbacks.splice(0)) done(this.failure);
  }

  events(): TollgateEvent[] {
    return this.appended.map(({ event }) => event);
  }

  /** The events of one request, in the order they were appended. */
  eventsOf(requestId: string): TollgateEvent[] {
    return this.events().filter(({ subject }) => subject === requestId);
  }
}
