import type { Quantities } from '@tollgate/events';
import type { OutputBlock, OutputGuard } from '@tollgate/policy';
import type { AnswerStream } from '../metering/answer-stream.ts';
import { type EventStream, eventData, firstEventEnd } from '../metering/event-stream.ts';
import { isRecord } from '../metering/reported-usage.ts';
import type { EventData, GuardedEvents, Rewritten } from './guarded-events.ts';

const NOTHING = Buffer.alloc(0);

/**
 * An event stream whose texts are guarded. It sees the whole events that an {@link EventStream} lets through, and passes them
 * on as they are wherever their texts do not change. Once something is blocked, nothing more passes.
 *
 * Costs one parse per event; it holds back at most one match per text, and what an event needs to be whole.
 */
export class GuardedStream implements AnswerStream {
  readonly #stream: EventStream;
  readonly #guard: OutputGuard;
  readonly #events: GuardedEvents;
  #ready: Buffer[] = [];
  #done: Buffer | null = null;
  #isOver = false;

  constructor(stream: EventStream, guard: OutputGuard, events: GuardedEvents) {
    this.#stream = stream;
    this.#guard = guard;
    this.#events = events;
  }

  get usage(): Quantities | null {
    return this.#stream.usage;
  }

  get bytes(): number {
    return this.#stream.bytes;
  }

  get textBytes(): number {
    return this.#stream.textBytes;
  }

  get done(): Buffer | null {
    return this.#done;
  }

  get error(): Buffer | null {
    return this.#stream.error;
  }

  get failed(): boolean {
    return this.#stream.failed;
  }

  get ended(): boolean {
    return this.#stream.ended;
  }

  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** Why the rest of the answer may not go out; null as long as it may. */
  get blocked(): OutputBlock | null {
    return this.#guard.blocked;
  }

  push(chunk: Buffer): boolean {
    const fits = this.#stream.push(chunk);
    this.#pass();
    if (this.#stream.ended) this.#finish();
    return fits && !this.#events.isOverfull;
  }

  end(): void {
    this.#stream.end();
    this.#pass();
    this.#finish();
  }

  take(): Buffer | null {
    const ready = this.#ready;
    if (ready.length === 0) return null;
    this.#ready = [];
    return ready.length === 1 ? (ready[0] ?? null) : Buffer.concat(ready);
  }

  #pass(): void {
    const block = this.#stream.take() ?? NOTHING;
    let start = 0;
    while (start < block.length && this.#guard.blocked === null) {
      const end = firstEventEnd(block, start);
      const passed = this.#rewritten(block.subarray(start, end));
      if (passed !== null) this.#ready.push(passed);
      start = end;
    }
  }

  /** What was held back, and then the event that ends the stream. */
  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { done } = this.#stream;
    if (this.#guard.blocked !== null) return;
    const end = done === null ? null : this.#rewritten(done);
    if (this.#guard.blocked !== null) return;
    for (const event of this.#events.rest()) this.#ready.push(written(event));
    this.#done = end;
  }

  /** An event as it goes on, or null; what goes before it is ready by then. */
  #rewritten(event: Buffer): Buffer | null {
    const data = eventData(event);
    if (data === '' || data === '[DONE]') return event;
    const parsed = parse(data);
    // What can't be read can't be looked at.
    if (!isRecord(parsed)) return null;
    const rewritten = this.#rewrite(parsed);
    if (rewritten === null) return null;
    for (const other of rewritten.before) this.#ready.push(written(other));
    return rewritten.changed ? written(parsed) : event;
  }

  /** Null where the event is nested too deeply to be looked at. */
  #rewrite(data: EventData): Rewritten | null {
    try {
      return this.#events.rewrite(data);
    } catch (error) {
      if (error instanceof RangeError) return null;
      throw error;
    }
  }
}

/** An event in the form of its protocol: those that have a type are named by it. */
function written(data: EventData): Buffer {
  const { type } = data;
  const name = typeof type === 'string' ? `event: ${type}\n` : '';
  return Buffer.from(`${name}data: ${JSON.stringify(data)}\n\n`);
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
