/** Something that has to be done once before others, whoever comes first; again by the next where it failed. */
export class Preparation {
  readonly #work: () => Promise<void>;
  #done: Promise<void> | null = null;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  async ready(): Promise<void> {
    this.#done ??= this.#work();
    try {
      await this.#done;
    } catch (error) {
      this.#done = null;
      throw error;
    }
  }
}
