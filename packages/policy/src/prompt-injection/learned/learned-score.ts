import type { Reading } from '../lexicon.ts';
import { FEATURES, type FeatureSink, readFeatures, WINDOW_WORDS } from './features.ts';
import { unpacked } from './packed-weights.ts';
import model from './weights.json' with { type: 'json' };

/** What one step of a weight is worth. */
const STEP = model.step;

const WEIGHTS = unpacked(model, FEATURES);

/** Adds up the weights of the words in a window that moves over the text, and keeps the greatest sum. */
class GreatestWindow implements FeatureSink {
  readonly #window = new Int32Array(WINDOW_WORDS);
  #word = 0;
  #words = 0;
  #sum = 0;
  #greatest = 0;

  clear(): void {
    this.#window.fill(0);
    this.#word = 0;
    this.#words = 0;
    this.#sum = 0;
    this.#greatest = Number.NEGATIVE_INFINITY;
  }

  add(feature: number): void {
    this.#word += WEIGHTS[feature] ?? 0;
  }

  endWord(): void {
    const place = this.#words % WINDOW_WORDS;
    this.#sum += this.#word - (this.#window[place] ?? 0);
    this.#window[place] = this.#word;
    this.#word = 0;
    this.#words += 1;
    if (this.#words >= WINDOW_WORDS && this.#sum > this.#greatest) this.#greatest = this.#sum;
  }

  /** In steps; of a text shorter than a window, that of all of it. */
  get greatest(): number {
    return this.#words < WINDOW_WORDS ? this.#sum : this.#greatest;
  }
}

const WINDOW = new GreatestWindow();

/**
 * How much what was read is like the injections that the model was made from: log odds, moved so that of harmless texts about
 * three in a hundred are above zero.
 */
export function learnedScore(reading: Reading): number {
  WINDOW.clear();
  readFeatures(reading, WINDOW);
  return WINDOW.greatest * STEP + model.bias;
}
