import type { Logger } from '@tollgate/telemetry';
import type { Instance } from './instance.ts';
import type { InstanceRegister } from './services.ts';

/** Tells the directory the key that this instance signs with, until it has been heard. */
export class Registration {
  readonly #directory: InstanceRegister;
  readonly #instance: Instance;
  readonly #logger: Logger;
  #done = false;
  #failures = 0;

  constructor(directory: InstanceRegister, instance: Instance, logger: Logger) {
    this.#directory = directory;
    this.#instance = instance;
    this.#logger = logger;
  }

  /** Whether the directory knows the key. */
  get done(): boolean {
    return this.#done;
  }

  /** One attempt, unless one succeeded before. Never throws. */
  async attempt(): Promise<void> {
    if (this.#done) return;
    try {
      await this.#directory.register(this.#instance.name, this.#instance.publicKey);
      this.#done = true;
      this.#logger.info({ instance: this.#instance.name }, 'the directory knows this instance and its key');
    } catch (error) {
      this.#failures += 1;
      if (this.#failures === 1) {
        this.#logger.warn(
          { err: error },
          'this instance is not registered at the directory yet; tried again',
        );
      }
    }
  }
}
