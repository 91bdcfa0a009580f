import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@tollgate/telemetry';
import type { FollowedState } from './followed-state.ts';
import { writeSnapshot } from './snapshot.ts';

const MIN_INTERVAL_MS = 2_000;
/** A large state is written less often: writing takes at most one twentieth of the time. */
const INTERVAL_PER_DURATION = 20;

/** Keeps a file close to the state, without writing at every change. */
export class SnapshotWriter {
  private readonly file: string;
  private readonly state: FollowedState;
  private readonly context: { readonly logger: Logger };
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;
  private written = 0;

  constructor(file: string, state: FollowedState, context: { readonly logger: Logger }) {
    this.file = file;
    this.state = state;
    this.context = context;
    this.running = this.keepWriting();
  }

  /** Writes what has changed since, and ends. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    await this.write();
  }

  private async keepWriting(): Promise<void> {
    let intervalMs = MIN_INTERVAL_MS;
    while (!this.stopping.signal.aborted) {
      await sleep(intervalMs, undefined, { signal: this.stopping.signal, ref: false }).catch(() => {});
      if (this.stopping.signal.aborted) return;
      const started = performance.now();
      await this.write();
      intervalMs = Math.max(MIN_INTERVAL_MS, (performance.now() - started) * INTERVAL_PER_DURATION);
    }
  }

  private async write(): Promise<void> {
    const version = this.state.currentVersion();
    if (version === this.written) return;
    try {
      await writeSnapshot(this.file, this.state.snapshot());
      this.written = version;
    } catch (error) {
      this.context.logger.warn(
        { err: error, file: this.file },
        'the snapshot could not be written; a start without the broker would not know the latest state',
      );
    }
  }
}
