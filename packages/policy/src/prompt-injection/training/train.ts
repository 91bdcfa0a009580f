/**
 * Makes `learned/weights.json` from the texts of `corpora.ts`:
 *
 *     node train.ts FOLDER > ../learned/weights.json
 *
 * The same texts make the same file.
 */
import { packed } from '../learned/packed-weights.ts';
import { allSamples, isOrdinary } from './corpora.ts';
import { learnWeights } from './descent.ts';
import { allowedScore, exampleOf } from './examples.ts';

/** Greater weights are cut off, so that one step of a weight stays small. */
const MAX_WEIGHT = 2.5;
const MAX_STEPS = 127;
/** So many weights are kept, those that say most. */
const MOST_WEIGHTS = 40_000;
/** Of ordinary harmless texts that the model has not seen, the share that may score above zero. */
const FALSE_POSITIVES = 0.025;

const [folder = ''] = process.argv.slice(2);
const examples = allSamples(folder).map(exampleOf);
const training = examples.filter(({ heldOut }) => !heldOut);
const learned = learnWeights(training);
const least = learned.map(Math.abs).toSorted((one, other) => other - one)[MOST_WEIGHTS] ?? 0;
const greatest = Math.min(
  MAX_WEIGHT,
  learned.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0),
);
const step = greatest / MAX_STEPS;
const steps = Int8Array.from(learned, (weight) =>
  Math.abs(weight) <= least ? 0 : Math.round(Math.max(-greatest, Math.min(greatest, weight)) / step),
);
const cut = allowedScore(
  examples.filter(isOrdinary),
  Float64Array.from(steps, (each) => each * step),
  FALSE_POSITIVES,
);
process.stdout.write(
  `${JSON.stringify(
    {
      about: 'made by ../training/train.ts; see ../training/README.md for the texts and their licences',
      step,
      bias: -cut,
      ...packed(steps),
    },
    null,
    2,
  )}\n`,
);
process.stderr.write(
  `${training.length} texts, ${steps.filter((value) => value !== 0).length} weights, ${cut} is zero\n`,
);
