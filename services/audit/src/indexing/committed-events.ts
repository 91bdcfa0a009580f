import type { EventFacts } from './event-facts.ts';

/** All that the index needs of an event that is in the log. */
export interface IndexableEvent {
  readonly facts: EventFacts;
  readonly sourceId: number;
  readonly sequence: number;
  /** The event's own time, epoch milliseconds. */
  readonly timeMs: number;
  readonly receivedMs: number;
}

/** What waits for the indexer at most; beyond it, it reads the log and the archive. */
const DEFAULT_MAX_EVENTS = 20_000;

interface Batch {
  readonly first: number;
  readonly events: readonly IndexableEvent[];
}

/**
 * What the integrator has just made part of the log, for the indexer of the same process, which so need not read it
 * again. Neighbouring or with holes, always ascending; what is not here is read.
 */
export class CommittedEvents {
  readonly #maxEvents: number;
  #batches: Batch[] = [];
  #count = 0;

  constructor(maxEvents = DEFAULT_MAX_EVENTS) {
    this.#maxEvents = maxEvents;
  }

  /** Takes what was committed from this leaf on, unless it is full: what came first is wanted first. */
  add(first: number, events: readonly IndexableEvent[] | null): void {
    const last = this.#batches.at(-1);
    // The log never goes back; should a database that was restored make it, nothing from before is of use.
    if (last !== undefined && first < last.first + last.events.length) this.clear();
    if (events === null || events.length === 0 || this.#count >= this.#maxEvents) return;
    this.#batches.push({ first, events });
    this.#count += events.length;
  }

  /**
   * Events from this leaf on without a hole, up to, but without, another; null where this one is not here. What lies
   * before is forgotten.
   */
  from(leaf: number, end: number): IndexableEvent[] | null {
    this.#forget(leaf);
    const found: IndexableEvent[] = [];
    for (const { first, events } of this.#batches) {
      const at = leaf + found.length;
      if (first > at || at >= end) break;
      found.push(...events.slice(at - first, end - first));
    }
    return found.length === 0 ? null : found;
  }

  /** The first leaf that is here, if it comes before that one; else that one. */
  firstBefore(end: number): number {
    return Math.min(this.#batches[0]?.first ?? end, end);
  }

  clear(): void {
    this.#batches = [];
    this.#count = 0;
  }

  #forget(below: number): void {
    while (
      this.#batches[0] !== undefined &&
      this.#batches[0].first + this.#batches[0].events.length <= below
    ) {
      this.#count -= this.#batches.shift()?.events.length ?? 0;
    }
  }
}
