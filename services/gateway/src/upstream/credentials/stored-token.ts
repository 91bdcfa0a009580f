import type { Credential } from './credential.ts';
import type { Secret } from './secret.ts';

/** A token that somebody issued and stored, such as a personal access token; replaced where its file is. */
export class StoredToken implements Credential {
  readonly renewable: boolean;
  readonly #secret: Secret;
  #of = '';
  #authorization = '';

  constructor(secret: Secret) {
    this.#secret = secret;
    this.renewable = secret.file !== null;
  }

  current(): string {
    const { value } = this.#secret;
    if (value !== this.#of) {
      this.#of = value;
      this.#authorization = `Bearer ${value}`;
    }
    return this.#authorization;
  }

  wait(): Promise<void> {
    return Promise.resolve();
  }

  /** The token may have been replaced since the last look. */
  async renew(used: string): Promise<boolean> {
    if (this.current() === used) await this.#secret.look(true);
    return this.current() !== used;
  }

  secrets(): readonly string[] {
    return this.#secret.all();
  }
}
