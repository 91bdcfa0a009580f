import type { Logger } from '@tollgate/telemetry';
import type { Instance } from './instance.ts';
import type { ServiceCall } from './service-call.ts';

/** Tells the directory the key that this instance signs with, until it has been heard. */
export class Registration {
  readonly #directory: ServiceCall;
  readonly #instance: Instance;
  readonly #logger: Logger;
  #done = false;
  #failures = 0;

  constructor(directory: ServiceCall, instance: Instance, logger: Logger) {
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
      await this.#directory.post('/v1/gateway-instances', {
        instance: this.#instance.name,
        public_key: this.#instance.publicKey,
      });
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
