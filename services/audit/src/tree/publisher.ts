import { setTimeout as sleep } from 'node:timers/promises';
import type { WrittenResource } from '@tollgate/transparency-log';
import { exposeNewest, publish } from './publication.ts';
import type { TreeParts } from './recover-tree.ts';
import { signed } from './witnesses.ts';

/** The places at which a publisher may crash. */
export type PublisherStep = 'tiled' | 'published' | 'exposed';

export interface PublisherOptions extends Omit<TreeParts, 'store'> {
  /** Checkpoints are at least so far apart, and wait no longer. */
  readonly publishIntervalMs?: number;
  readonly onStep?: (step: PublisherStep) => void | Promise<void>;
}

/** What a commit has added to the log. */
export interface Growth {
  readonly size: number;
  readonly root: Buffer;
  readonly written: readonly WrittenResource[];
}

const DEFAULT_PUBLISH_INTERVAL_MS = 200;
/** Tiles that may wait, at 8 to 30 KiB each, before the writer waits for them. */
const MAX_WAITING = 1_024;
const PARTIAL_SUFFIX = /\.p\/\d+$/;

/**
 * Publishes what is committed: writes its tiles, makes them durable, signs and publishes a checkpoint. Works beside the
 * writer and takes several commits at once when it is behind. Of one epoch: after a failure it is of no use any more,
 * and the next epoch recovers from what was committed.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  /** By their path without width: a partial tile is void once there is a wider one. */
  #waiting = new Map<string, WrittenResource>();
  #end: Omit<Growth, 'written'> | null = null;
  #working: Promise<void> | null = null;
  #failure: unknown = null;
  #publishedMs = -Infinity;
  #hurry = new AbortController();

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Takes over what was just committed. Resolves when there is room for more. @throws what publishing failed with */
  async committed({ size, root, written }: Growth): Promise<void> {
    this.check();
    for (const each of written) {
      const key = each.path.replace(PARTIAL_SUFFIX, '');
      this.#waiting.set(key, each);
    }
    this.#end = { size, root };
    this.#working ??= this.#work();
    if (this.#waiting.size > MAX_WAITING) await this.drained();
  }

  /** @throws what publishing failed with */
  check(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /** Resolves when everything taken over is published, without pauses. @throws what publishing failed with */
  async drained(): Promise<void> {
    this.#hurry.abort();
    while (this.#working !== null) await this.#working;
    this.#hurry = new AbortController();
    this.check();
  }

  /** Never rejects: a failure is kept for `check`. */
  async #work(): Promise<void> {
    try {
      for (;;) {
        await this.#pause();
        const end = this.#end;
        if (end === null) break;
        const resources = [...this.#waiting.values()];
        this.#waiting = new Map();
        this.#end = null;
        this.#publishedMs = performance.now();
        await this.#publish(end, resources);
      }
    } catch (error) {
      this.#failure = error;
    } finally {
      this.#working = null;
    }
  }

  async #publish(end: Omit<Growth, 'written'>, resources: readonly WrittenResource[]): Promise<void> {
    const { pool, tiles, onStep } = this.#options;
    await tiles.write(resources);
    await onStep?.('tiled');
    await publish(pool, await signed(this.#options, end.size, end.root));
    await onStep?.('published');
    await exposeNewest(pool, tiles);
    await tiles.discardPartials(resources);
    await onStep?.('exposed');
  }

  async #pause(): Promise<void> {
    const { publishIntervalMs = DEFAULT_PUBLISH_INTERVAL_MS } = this.#options;
    const leftMs = this.#publishedMs + publishIntervalMs - performance.now();
    if (leftMs <= 0) return;
    await sleep(leftMs, undefined, { signal: this.#hurry.signal }).catch(() => {});
  }
}
