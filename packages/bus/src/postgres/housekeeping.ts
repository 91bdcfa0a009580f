import { setTimeout as sleep } from 'node:timers/promises';
import type { PartitionLog } from '../consume/position-plan.ts';
import type { PostgresContext } from './context.ts';
import type { Statements } from './log.ts';
import type { LogSession } from './session.ts';
import type { Watcher } from './watch.ts';

const DEFAULT_EVERY_MS = 60_000;
const CLAIM = 'housekeeping';
/** Rows per transaction: some tens of milliseconds. */
const BATCH_ROWS = 5_000;
/** Between two of them, so that those who work are not held up. */
const BATCH_PAUSE_MS = 20;

/** Removes what need not be kept, until nothing is left to remove. @returns how many messages went */
export async function sweep(database: Statements, signal?: AbortSignal): Promise<number> {
  let removed = 0;
  for (;;) {
    const { rows } = await database.query<{ removed: number }>({
      name: 'bus.sweep',
      text: 'SELECT bus.sweep($1) AS removed',
      values: [BATCH_ROWS],
    });
    const last = rows[0]?.removed ?? 0;
    removed += last;
    if (last === 0 || signal?.aborted === true) return removed;
    await sleep(BATCH_PAUSE_MS);
  }
}

/** Compaction and retention, every minute, by one bus of all that share the log. */
export class Housekeeping implements Watcher {
  readonly topics = [];
  readonly group = null;
  private readonly context: PostgresContext;
  private readonly everyMs: number;
  private readonly stopping = new AbortController();
  private session: LogSession | undefined;
  private working: Promise<void> | undefined;
  private sweptMs = Number.NEGATIVE_INFINITY;

  constructor(context: PostgresContext, everyMs = DEFAULT_EVERY_MS) {
    this.context = context;
    this.everyMs = everyMs;
  }

  begin(session: LogSession): void {
    this.session = session;
  }

  failed(): void {}

  wake(): void {}

  rebalance(): void {}

  look(_logs: readonly PartitionLog[]): void {
    const nowMs = performance.now();
    if (nowMs - this.sweptMs < this.everyMs || this.working !== undefined) return;
    this.sweptMs = nowMs;
    this.working = this.work().finally(() => {
      this.working = undefined;
    });
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.working;
  }

  private async work(): Promise<void> {
    const { session, context } = this;
    try {
      // Kept until the connection ends.
      if (session === undefined || !(await this.isOurs(session))) return;
      const removed = await sweep(context.pool, this.stopping.signal);
      if (removed > 0) context.logger.debug({ removed }, 'messages that need not be kept were removed');
    } catch (error) {
      context.logger.warn({ err: error }, 'the bus could not remove old messages; it will try again');
    }
  }

  private ours: LogSession | undefined;

  private async isOurs(session: LogSession): Promise<boolean> {
    if (this.ours === session) return true;
    const granted = await session.claim([CLAIM]);
    if (granted.length > 0) this.ours = session;
    return granted.length > 0;
  }
}
