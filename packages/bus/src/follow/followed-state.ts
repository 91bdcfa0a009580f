import type { PartitionLog } from '../consume/position-plan.ts';
import type { Snapshot } from './snapshot.ts';

/** The latest message of each key, and how far each partition has been read. No I/O. */
export class FollowedState {
  private readonly topic: string;
  private readonly apply: (message: { key: string; value: Buffer }) => void;
  private readonly entries = new Map<string, Buffer>();
  private offsets = new Map<number, bigint>();
  private targets = new Map<number, bigint>();
  private identity = '';
  private reachedTargets = false;
  /** Counts changes, so that a snapshot knows whether it is the newest. */
  private version = 0;

  constructor(topic: string, apply: (message: { key: string; value: Buffer }) => void) {
    this.topic = topic;
    this.apply = apply;
  }

  load(snapshot: Snapshot): void {
    this.identity = snapshot.identity;
    this.offsets = new Map(snapshot.offsets);
    for (const [key, value] of snapshot.entries) {
      this.entries.set(key, value);
      this.apply({ key, value });
    }
  }

  /**
   * Compares what is known with the logs as they are: where to read on, and what has to be read to have caught up.
   *
   * @returns where each partition is read from, and whether the topic is another than before
   */
  begin(logs: readonly PartitionLog[]): { from: Map<number, bigint>; recreated: boolean } {
    const identity = logs[0]?.identity ?? '';
    const recreated = identity !== '' && this.identity !== '' && identity !== this.identity;
    if (recreated) {
      this.offsets.clear();
      this.entries.clear();
    }
    if (identity !== '') this.identity = identity;
    this.targets = new Map(logs.map((log) => [log.partition, log.high]));
    const from = new Map<number, bigint>();
    for (const { partition, low, high } of logs) {
      const known = this.offsets.get(partition) ?? low;
      // A log that ends before what has been read of it was begun anew.
      from.set(partition, known < low || known > high ? low : known);
    }
    this.offsets = new Map(from);
    this.checkTargets();
    return { from, recreated };
  }

  message(key: string | null, value: Buffer | null): void {
    if (key === null) return;
    this.version += 1;
    if (value === null) {
      this.entries.delete(key);
      return;
    }
    this.entries.set(key, value);
    this.apply({ key, value });
  }

  readUpTo(partition: number, next: bigint): void {
    this.offsets.set(partition, next);
    this.checkTargets();
  }

  nextOffset(partition: number): bigint | undefined {
    return this.offsets.get(partition);
  }

  /** Whether everything that was in the log at the last `begin` has been read. */
  caughtUp(): boolean {
    return this.reachedTargets;
  }

  currentVersion(): number {
    return this.version;
  }

  /** A copy to write: what comes later does not change it. */
  snapshot(): Snapshot {
    return {
      topic: this.topic,
      identity: this.identity,
      offsets: new Map(this.offsets),
      entries: [...this.entries],
    };
  }

  private checkTargets(): void {
    this.reachedTargets ||=
      this.targets.size > 0 &&
      [...this.targets].every(([partition, high]) => (this.offsets.get(partition) ?? -1n) >= high);
  }
}
