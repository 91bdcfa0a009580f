import type { Clock } from '../clock.ts';
import { CommitPace, type CommitWindow } from './commit-pace.ts';
import type { SpoolError } from './errors.ts';
import type { Position } from './spool.ts';
import { Waiters } from './waiters.ts';

export interface GroupCommitOptions {
  readonly clock: Clock;
  readonly window: CommitWindow;
  /** What nobody waits for is on disk after at most about this long. */
  readonly lazyMs: number;
  /** Writes what was appended to the page cache and returns the position it reaches. Throws SpoolError. */
  readonly write: () => Position;
  /** Syncs what was written; afterwards everything up to the position that `write` gave is durable. */
  readonly sync: (done: (error: SpoolError | null) => void) => void;
  /** After a successful sync, before anybody is called back. */
  readonly committed: (position: Position, tookMs: number) => void;
}

/**
 * Turns many callers that want the disk into few syncs: while one sync is under way the next group forms, and
 * from a few hundred callers per second a commit waits some milliseconds for company.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #pace: CommitPace;
  readonly #disk = new Waiters();
  readonly #written = new Waiters();
  #writtenTo: Position = 0;
  #durable: Position;
  #head: Position;
  #busy = false;
  /** Somebody asked for a commit while one was under way. */
  #again = false;
  #scheduled = false;
  #writeScheduled: NodeJS.Immediate | null = null;
  #lazy: NodeJS.Timeout | null = null;
  #dirtySinceMs: number | null = null;
  #stopped = false;
  #idle: (() => void)[] = [];

  constructor(options: GroupCommitOptions, start: Position) {
    this.#options = options;
    this.#pace = new CommitPace(options.window);
    this.#durable = start;
    this.#writtenTo = start;
    this.#head = start;
  }

  get durable(): Position {
    return this.#durable;
  }

  get diskWaiters(): number {
    return this.#disk.size;
  }

  /** Something was appended up to `head`. */
  appended(head: Position): void {
    this.#head = head;
    if (this.#dirtySinceMs !== null) return;
    this.#dirtySinceMs = this.#options.clock.monotonic();
    if (this.#lazy === null && !this.#stopped) this.#armLazy(this.#options.lazyMs);
  }

  /**
   * Everything up to `position` is in the page cache. Calls nobody back: this happens inside of an append, between
   * a caller's taking of a number and its use.
   */
  wrote(position: Position): void {
    this.#writtenTo = position;
  }

  afterWrite(position: Position, done: (error: Error | null) => void): void {
    this.#written.add(position, this.#options.clock.monotonic(), done);
    this.#writeScheduled ??= setImmediate(() => {
      this.#writeScheduled = null;
      this.#tryWrite();
      this.#written.settle(this.#writtenTo);
    });
  }

  afterSync(position: Position, done: (error: Error | null) => void): void {
    const now = this.#options.clock.monotonic();
    this.#pace.came(now);
    this.#disk.add(position, now, done);
    if (!this.#busy && !this.#scheduled) this.#schedule(this.#pace.windowMs());
  }

  /** How long a commit waits for company at the present rate of callers. */
  windowMs(): number {
    return this.#pace.windowMs();
  }

  /** Commits now, or as soon as the sync under way is over. */
  kick(): void {
    if (this.#busy) this.#again = true;
    else this.#commit();
  }

  /** Resolves when everything appended so far is on disk; rejects when it can't be. */
  settled(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#disk.add(this.#head, this.#options.clock.monotonic(), (error) =>
        error === null ? resolve() : reject(error),
      );
      this.kick();
    });
  }

  /** Turns away callers who have waited longer than `timeoutMs`. */
  expire(timeoutMs: number, error: SpoolError): void {
    const before = this.#options.clock.monotonic() - timeoutMs;
    this.#disk.expire(before, error);
    this.#written.expire(before, error);
  }

  /** Turns away everyone and starts nothing any more. Resolves when no sync is under way. */
  stop(error: SpoolError): Promise<void> {
    this.#stopped = true;
    if (this.#lazy !== null) clearTimeout(this.#lazy);
    if (this.#writeScheduled !== null) clearImmediate(this.#writeScheduled);
    this.#written.fail(error);
    this.#disk.fail(error);
    return new Promise((resolve) => {
      if (this.#busy) this.#idle.push(resolve);
      else resolve();
    });
  }

  /** A commit that was overtaken by `kick` finds nothing to do, so nothing here is ever cancelled. */
  #schedule(windowMs: number): void {
    if (this.#stopped) return;
    this.#scheduled = true;
    const run = (): void => {
      this.#scheduled = false;
      this.#commit();
    };
    if (windowMs > 0) setTimeout(run, windowMs);
    else setImmediate(run);
  }

  #tryWrite(): boolean {
    try {
      this.#options.write();
      return true;
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      this.#written.fail(failure);
      this.#disk.fail(failure);
      return false;
    }
  }

  #commit(): void {
    if (this.#busy || this.#stopped) return;
    const dirtySince = this.#dirtySinceMs;
    if (!this.#tryWrite()) {
      if (dirtySince !== null && this.#lazy === null) this.#armLazy(this.#options.lazyMs);
      return;
    }
    const target = this.#writtenTo;
    if (target <= this.#durable) {
      this.#disk.settle(this.#durable);
      return;
    }
    this.#busy = true;
    this.#dirtySinceMs = null;
    const started = this.#options.clock.monotonic();
    this.#options.sync((error) => {
      this.#busy = false;
      if (error === null) {
        this.#durable = target;
        this.#options.committed(target, this.#options.clock.monotonic() - started);
        this.#disk.settle(target);
      } else {
        this.#disk.fail(error);
      }
      for (const resolve of this.#idle.splice(0)) resolve();
      if (this.#again) {
        this.#again = false;
        this.#commit();
      } else if (this.#disk.size > 0 && !this.#scheduled) {
        this.#schedule(this.#remainingWindowMs());
      }
    });
  }

  /** The group that formed during a sync has waited already. */
  #remainingWindowMs(): number {
    const since = this.#disk.oldestSinceMs;
    const now = this.#options.clock.monotonic();
    return this.#pace.remainingMs(since ?? now, now);
  }

  #armLazy(ms: number): void {
    this.#lazy = setTimeout(() => {
      this.#lazy = null;
      if (this.#dirtySinceMs === null || this.#stopped) return;
      const age = this.#options.clock.monotonic() - this.#dirtySinceMs;
      if (age < this.#options.lazyMs - 1) this.#armLazy(this.#options.lazyMs - age);
      else if (this.#busy) this.#armLazy(1);
      else this.kick();
    }, ms);
  }
}
