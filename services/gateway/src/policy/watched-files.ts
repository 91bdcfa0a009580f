import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** How often the files are looked at where nothing announces a change, in milliseconds. */
const LOOK_INTERVAL_MS = 2000;

/** How long a changed file has to stay as it is before it is taken for whole, in milliseconds. */
const SETTLE_MS = 200;

/**
 * Tells when files have changed, whichever way: written in place, replaced by an editor, or behind a symbolic link that was
 * turned to another folder, as Kubernetes does with a ConfigMap. Their folders are watched, which is quick where it works,
 * and the files looked at every two seconds, which works everywhere.
 */
export class WatchedFiles {
  readonly #changed: () => void;
  #files: readonly string[] = [];
  #watchers: readonly FSWatcher[] = [];
  #timer: NodeJS.Timeout | null = null;
  #seen = '';
  #candidate = '';
  #looking = false;

  /** @param changed called once a change has settled */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Watches these from now on, taking those that were not watched before for known as they are. */
  async follow(files: readonly string[]): Promise<void> {
    if (files.join('\0') === this.#files.join('\0')) return;
    this.#stopWatchers();
    this.#files = files;
    this.#seen = this.#candidate = await this.#state();
    this.#watchers = [...new Set(files.map((file) => dirname(file)))].flatMap((folder) =>
      this.#watch(folder),
    );
    this.#lookIn(LOOK_INTERVAL_MS);
  }

  stop(): void {
    this.#stopWatchers();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#files = [];
  }

  #watch(folder: string): FSWatcher[] {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#lookIn(SETTLE_MS));
      // A folder that goes away, or a system without more watches: looking goes on.
      watcher.on('error', () => watcher.close());
      return [watcher];
    } catch {
      return [];
    }
  }

  #stopWatchers(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  #lookIn(ms: number): void {
    if (this.#looking || this.#files.length === 0) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), ms).unref();
  }

  async #look(): Promise<void> {
    this.#looking = true;
    const state = await this.#state();
    this.#looking = false;
    if (state === this.#seen) {
      this.#candidate = state;
      this.#lookIn(LOOK_INTERVAL_MS);
    } else if (state === this.#candidate) {
      this.#seen = state;
      this.#lookIn(LOOK_INTERVAL_MS);
      this.#changed();
    } else {
      this.#candidate = state;
      this.#lookIn(SETTLE_MS);
    }
  }

  /** What tells one state of the files from another; links are followed. */
  async #state(): Promise<string> {
    const states = await Promise.all(this.#files.map(stateOf));
    return states.join(' ');
  }
}

async function stateOf(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return `${dev}/${ino}/${size}/${mtimeNs}/${ctimeNs}`;
  } catch {
    return 'absent';
  }
}
