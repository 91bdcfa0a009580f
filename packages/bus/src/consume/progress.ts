import { positionKey } from './consumer-offsets.ts';

type PartitionProgress = {
  /** Below it, everything is in the database; null until established. */
  next: bigint | null;
  high: bigint;
  progressedMs: number;
  /** Attempts at the present batch that failed. */
  failures: number;
  failure: string | null;
  /** Waits for a newer release. */
  blocked: string | null;
};

/**
 * What a consumer knows of its partitions: how far each has come, why one does not go on. Feeds readiness and the
 * watchdog, which looks for what no error tells: lag without progress.
 */
export class ConsumeProgress {
  private readonly partitions = new Map<string, PartitionProgress>();
  private readonly nowMs: () => number;
  private readonly stuckAfterMs: number;
  private fetchedMs: number;

  constructor(nowMs: () => number, stuckAfterMs: number) {
    this.nowMs = nowMs;
    this.stuckAfterMs = stuckAfterMs;
    this.fetchedMs = nowMs();
  }

  assigned(assignment: Readonly<Record<string, readonly number[]>>): void {
    this.partitions.clear();
    const progressedMs = this.nowMs();
    for (const [topic, partitions] of Object.entries(assignment)) {
      for (const partition of partitions) {
        this.partitions.set(positionKey(topic, partition), {
          next: null,
          high: 0n,
          progressedMs,
          failures: 0,
          failure: null,
          blocked: null,
        });
      }
    }
    this.fetchedMs = progressedMs;
  }

  fetched(): void {
    this.fetchedMs = this.nowMs();
  }

  committed(topic: string, partition: number, next: bigint): void {
    const state = this.partitions.get(positionKey(topic, partition));
    if (state === undefined) return;
    state.next = next;
    state.progressedMs = this.nowMs();
    state.failures = 0;
    state.failure = null;
  }

  /** @returns how often the present batch has failed by now */
  failed(topic: string, partition: number, failure: string): number {
    const state = this.partitions.get(positionKey(topic, partition));
    if (state === undefined) return 1;
    state.failures += 1;
    state.failure = failure;
    return state.failures;
  }

  blocked(topic: string, partition: number, why: string): void {
    const state = this.partitions.get(positionKey(topic, partition));
    if (state !== undefined) state.blocked = why;
  }

  isBlocked(topic: string, partition: number): boolean {
    return this.partitions.get(positionKey(topic, partition))?.blocked != null;
  }

  ends(topic: string, partition: number, high: bigint): void {
    const state = this.partitions.get(positionKey(topic, partition));
    if (state === undefined || high <= state.high) return;
    // A partition that was at its end begins to lag now, not when it last had something to do.
    if (state.next !== null && state.next >= state.high) state.progressedMs = this.nowMs();
    state.high = high;
  }

  /** Messages not committed yet, by topic. */
  lag(): Map<string, number> {
    const lag = new Map<string, number>();
    for (const [key, { next, high }] of this.partitions) {
      const topic = key.slice(0, key.lastIndexOf('/'));
      const behind = next === null || next >= high ? 0 : Number(high - next);
      lag.set(topic, (lag.get(topic) ?? 0) + behind);
    }
    return lag;
  }

  /** Committed positions, for Kafka's own book. */
  positions(): { topic: string; partition: number; offset: string }[] {
    return [...this.partitions].flatMap(([key, { next }]) => {
      if (next === null) return [];
      const slash = key.lastIndexOf('/');
      return [{ topic: key.slice(0, slash), partition: Number(key.slice(slash + 1)), offset: String(next) }];
    });
  }

  /** The first reason why a partition does not go on. */
  trouble(): string | null {
    for (const [key, state] of this.partitions) {
      if (state.blocked !== null) return `${key}: ${state.blocked}`;
    }
    for (const [key, state] of this.partitions) {
      if (state.failure !== null) {
        return `${key} failed ${state.failures} times at offset ${state.next ?? '?'}: ${state.failure}`;
      }
    }
    return this.stuck();
  }

  /** Whether something that no error explains keeps the consumer from its work. */
  stuck(): string | null {
    const nowMs = this.nowMs();
    if (nowMs - this.fetchedMs > this.stuckAfterMs) {
      return `nothing has been asked of the broker for ${Math.round((nowMs - this.fetchedMs) / 1000)} s`;
    }
    for (const [key, state] of this.partitions) {
      const lags = state.next === null || state.next < state.high;
      const explained = state.blocked !== null || state.failure !== null;
      if (lags && !explained && nowMs - state.progressedMs > this.stuckAfterMs && state.high > 0n) {
        return `${key} has messages from ${state.next ?? '?'} to ${state.high} and has not moved for ${Math.round((nowMs - state.progressedMs) / 1000)} s`;
      }
    }
    return null;
  }
}
