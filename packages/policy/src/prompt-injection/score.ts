import { learnedScore } from './learned/learned-score.ts';
import { RULES_WEIGHT, ruleWeights, total } from './rule-weights.ts';

/** What speaks for an injection, and how strongly. */
export interface Evidence {
  /** Between 0 and 1: what the rules add up to, or what the learned model says, whichever is more. */
  readonly score: number;
  /** What the rules alone add up to. */
  readonly byRules: number;
  /** The rules that hold, the strongest first; `learned` before them where it takes the model to see it. */
  readonly rules: readonly string[];
}

const LEARNED = 'learned';
/** The model is never surer than this. */
const MOST_LEARNED = 0.98;
/** From here on the rules alone say it. */
const CLEAR = 0.5;
/** Below this the model has nothing to say, and nothing is put together. */
const LEAST_ODDS = -4;

const NOTHING: Evidence = { score: 0, byRules: 0, rules: [] };

/** Weighs one text. */
export function scoreText(text: string): Evidence {
  const { weights, readings } = ruleWeights(text);
  const byRules = total(weights);
  let odds = Number.NEGATIVE_INFINITY;
  for (const reading of readings) odds = Math.max(odds, learnedScore(reading));
  odds += RULES_WEIGHT * byRules;
  if (weights.size === 0 && odds < LEAST_ODDS) return NOTHING;
  const rules = [...weights].toSorted((one, other) => other[1] - one[1]).map(([name]) => name);
  const learned = MOST_LEARNED / (1 + Math.exp(-odds));
  if (learned <= byRules) return { score: byRules, byRules, rules };
  return { score: learned, byRules, rules: byRules < CLEAR ? [LEARNED, ...rules] : rules };
}
