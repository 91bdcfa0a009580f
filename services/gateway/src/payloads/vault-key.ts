import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { ServiceClient } from '@tollgate/http';
import { readSealingKey, type SealingKey } from '@tollgate/payload-sealing';
import type { Logger } from '@tollgate/telemetry';
import { z } from 'zod';

/** How often the vault is asked whether its key is another, and how often while none is known. */
const REFRESH_MS = 60_000;
const RETRY_MS = 1000;

export interface VaultKeyParts {
  readonly client: ServiceClient;
  /** Where the key of the last run is kept; it is no secret. */
  readonly file: string;
  readonly log: Logger;
  /** Whether anything is to be sealed. */
  readonly wanted: () => boolean;
}

/** The vault's public key: of the last run until the vault has been asked, so that a gateway starts without it. */
export class VaultKey {
  readonly #parts: VaultKeyParts;
  #key: SealingKey | null;
  #timer: NodeJS.Timeout | null = null;
  readonly #ended = new AbortController();

  constructor(parts: VaultKeyParts) {
    this.#parts = parts;
    this.#key = readKept(parts.file);
    this.#ask();
  }

  get(): SealingKey | null {
    return this.#key;
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#ended.abort();
  }

  #ask(): void {
    void this.#refresh().then((known) => {
      if (this.#ended.signal.aborted) return;
      this.#timer = setTimeout(() => this.#ask(), known ? REFRESH_MS : RETRY_MS).unref();
    });
  }

  async #refresh(): Promise<boolean> {
    const { client, file, log, wanted } = this.#parts;
    if (!wanted()) return false;
    try {
      const { public_key } = await client.call({
        method: 'GET',
        path: '/v1/payloads/sealing-key',
        answer: z.object({ public_key: z.base64() }),
        signal: this.#ended.signal,
      });
      const key = readSealingKey(public_key);
      if (key.id !== this.#key?.id) {
        this.#key = key;
        keep(file, public_key);
        log.info({ key_id: key.id }, "the vault's key is here");
      }
      return true;
    } catch (error) {
      log.debug({ err: error }, 'the vault does not tell its key');
      return this.#key !== null;
    }
  }
}

function readKept(file: string): SealingKey | null {
  try {
    return readSealingKey(readFileSync(file, 'utf8').trim());
  } catch {
    // None yet, or not whole: the vault is asked.
    return null;
  }
}

function keep(file: string, text: string): void {
  writeFileSync(`${file}.new`, `${text}\n`);
  renameSync(`${file}.new`, file);
}
