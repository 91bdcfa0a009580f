import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const stateSchema = z.object({
  /** Everything before this place is acknowledged by the broker. */
  acknowledged: z.object({ segment: z.int().min(0), offset: z.int().min(0) }),
  /** How far the epoch that wrote this had come on disk: what it may have told others. */
  durable: z.object({
    source: z.string(),
    sequence: z.int().min(0),
    chain: z.string().regex(/^[0-9a-f]{64}$/),
    counts: z.array(z.int().min(0)),
  }),
});
export type SpoolState = z.infer<typeof stateSchema>;

/**
 * What is kept beside the segments. It is replaced as a whole and not synced: an old one means that events are
 * published again, which consumers drop, and a missing one that all of them are.
 */
export class StateFile {
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.#path = join(folder, 'state.json');
  }

  /** Null where there is none that can be read. */
  read(): SpoolState | null {
    try {
      return stateSchema.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
    } catch {
      return null;
    }
  }

  write(state: SpoolState): Promise<void> {
    const replace = async (): Promise<void> => {
      await writeFile(`${this.#path}.next`, JSON.stringify(state), { mode: 0o600 });
      await rename(`${this.#path}.next`, this.#path);
    };
    this.#writing = this.#writing.then(replace, replace);
    return this.#writing;
  }
}
