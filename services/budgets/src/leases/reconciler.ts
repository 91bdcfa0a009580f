import type { Logger } from '@tollgate/telemetry';
import { prune, type Reconciled, type ReconcileOptions, reconcileOnce } from './reconcile.ts';

const ROUND_EVERY_MS = 1_000;
const PRUNE_EVERY_MS = 60_000;

export type ReconcilerOptions = ReconcileOptions & {
  readonly logger: Logger;
  readonly onReconciled: (done: Reconciled) => void;
};

/** Reconciles leases round by round, until it is stopped. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  #timer: NodeJS.Timeout | null = null;
  #round: Promise<void> = Promise.resolve();
  #stopped = false;
  #trouble: string | null = null;
  #prunedAtMs = 0;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#next(0);
  }

  /** Why the last round failed; null when all is well. */
  trouble(): string | null {
    return this.#trouble;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#round;
  }

  #next(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#round = this.#run().finally(() => this.#next(ROUND_EVERY_MS));
    }, delayMs);
  }

  async #run(): Promise<void> {
    try {
      this.#options.onReconciled(await reconcileOnce(this.#options));
      if (performance.now() - this.#prunedAtMs >= PRUNE_EVERY_MS) {
        await prune(this.#options);
        this.#prunedAtMs = performance.now();
      }
      this.#trouble = null;
    } catch (error) {
      this.#trouble = error instanceof Error ? error.message : String(error);
      this.#options.logger.warn({ err: error }, 'leases could not be reconciled; trying again');
    }
  }
}
