import type { Quantities } from '@tollgate/events';
import { generates } from '../body/protocol.ts';
import type { RequestFacts } from '../body/request-body.ts';
import { estimateTokens } from '../metering/estimate.ts';
import type { TokenBound } from './bounds.ts';

/** How much one answer weighs in the averages. */
const WEIGHT = 1 / 32;

/** Before anything is known: tokens an answer is taken for. */
const FIRST_OUTPUT_TOKENS = 256;

/** Targets remembered; there are few, and they come from the policy. */
const MAX_TARGETS = 1024;

interface Averages {
  /** Input tokens that the upstream counted, for each that was estimated from the text. */
  inputRatio: number;
  outputTokens: number;
}

/** What a request will probably use: what ordinary limits reserve. Learns from the answers of each target. */
export class Calibration {
  readonly #averages = new Map<string, Averages>();

  estimate(targetId: string, facts: RequestFacts): TokenBound {
    const averages = this.#averages.get(targetId);
    const ratio = averages?.inputRatio ?? 1;
    const input = Math.ceil(estimateTokens(facts.inputTextBytes) * ratio);
    if (!generates(facts.protocol)) return { input, output: 0 };
    const output = Math.ceil(averages?.outputTokens ?? FIRST_OUTPUT_TOKENS);
    return { input, output: Math.min(output, facts.maxOutputTokens ?? output) };
  }

  /** Learns from an answer whose tokens the upstream counted. */
  learn(targetId: string, facts: RequestFacts, counted: Quantities): void {
    let averages = this.#averages.get(targetId);
    if (averages === undefined) {
      if (this.#averages.size >= MAX_TARGETS) return;
      averages = { inputRatio: 1, outputTokens: counted.output_tokens };
      this.#averages.set(targetId, averages);
    }
    const estimated = estimateTokens(facts.inputTextBytes);
    if (estimated > 0)
      averages.inputRatio += (counted.input_tokens / estimated - averages.inputRatio) * WEIGHT;
    averages.outputTokens += (counted.output_tokens - averages.outputTokens) * WEIGHT;
  }
}
