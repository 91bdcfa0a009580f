/**
 * How much the model finds of collections that it was not made from: leaves one after the other out, and prints the share that is
 * found of it where 3 % of the ordinary harmless texts that are kept apart are:
 *
 *     node cross-check.ts FOLDER [COLLECTION...]
 *
 * What the model is made of (features, windows, rates) is chosen by this, and not by the texts that it is judged by in the end.
 */
import { allSamples, isOrdinary, withoutCopies } from './corpora.ts';
import { learnWeights } from './descent.ts';
import { allowedScore, exampleOf, scoreOf } from './examples.ts';

const FALSE_POSITIVES = 0.03;

const [folder = '', ...only] = process.argv.slice(2);
const examples = allSamples(folder).map(exampleOf);
const training = examples.filter(({ heldOut }) => !heldOut);
const ordinary = examples.filter(isOrdinary);
const attacks = Map.groupBy(
  training.filter(({ isInjection, source }) => isInjection && source !== 'own'),
  ({ source }) => source,
);
for (const [name, group] of attacks) {
  if (only.length > 0 && !only.includes(name)) continue;
  const others = training.filter(({ isInjection, source }) => !isInjection || source !== name);
  const weights = learnWeights(withoutCopies(others, group));
  const cut = allowedScore(ordinary, weights, FALSE_POSITIVES);
  const found = group.filter((each) => scoreOf(each, weights) > cut).length;
  process.stdout.write(`${name}: ${((found / group.length) * 100).toFixed(1)} % of ${group.length}\n`);
}
