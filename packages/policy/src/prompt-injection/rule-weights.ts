import { type ConceptSet, conceptSet, type Hit, type Reading, readText } from './lexicon.ts';
import { findPhrases } from './phrases.ts';
import { ANCHORS, ATTEMPT, BEGINNINGS, NEGATION, type Rule, type Step, TEMPLATES } from './rules.ts';
import { decodedTexts, makeVisible, reversed, rotated, withoutGaps, withoutLookAlikes } from './unfold.ts';

/** What the rules say, and of which readings. */
export interface RuleWeights {
  /** By the name of the rule, between 0 and 1. */
  readonly weights: ReadonlyMap<string, number>;
  /** Of the text in small letters, and of what was unfolded from it. */
  readonly readings: readonly Reading[];
}

/** What the rules find moves the log odds of the learned model by so much. */
export const RULES_WEIGHT = 3;

const TEMPLATE_WEIGHT = 0.5;
const HIDDEN_WEIGHT = 0.4;
const TAGGED_WEIGHT = 0.5;
const INVISIBLE_WEIGHT = 0.2;
/** Fewer invisible characters stand in ordinary texts of many scripts, and in emoji. */
const LEAST_INVISIBLE = 12;
const LEAST_HIDDEN_SCORE = 0.3;
/** What is said about an attempt is not the attempt. */
const REPORTED_FACTOR = 0.4;
const REPORTED_WORDS = 4;
const NEGATION_WORDS = 2;

const ROTATED = conceptSet('rotated');
const REVERSED = conceptSet('reversed');

/** Weighs one text by rules, after what hides words in it has been undone. */
export function ruleWeights(text: string): RuleWeights {
  let plain = text.toLowerCase();
  let reading = readText(plain);
  const weights = new Map<string, number>();
  const readings: Reading[] = [];
  if (reading.isForeign) {
    const { text: visible, tagged, invisible } = makeVisible(text);
    for (const hidden of tagged) addHidden(hidden, weights, readings);
    if (tagged.length > 0) raise(weights, 'invisible-characters', TAGGED_WEIGHT);
    else if (invisible >= LEAST_INVISIBLE) raise(weights, 'invisible-characters', INVISIBLE_WEIGHT);
    const common = visible.toLowerCase();
    if (common !== plain) {
      plain = common;
      reading = readText(plain);
    }
    const unmasked = withoutLookAlikes(plain);
    if (unmasked !== plain) addRead(unmasked, readText(unmasked), weights, readings);
    for (const [name, weight] of findPhrases(plain)) raise(weights, name, weight);
  }
  addRead(plain, reading, weights, readings);
  if (reading.isSpaced) {
    const joined = withoutGaps(plain);
    addRead(joined, readText(joined), weights, readings);
  }
  if (has(reading, ROTATED)) addHidden(rotated(plain), weights, readings);
  if (has(reading, REVERSED)) addHidden(reversed(plain), weights, readings);
  if (reading.hasLongRun || plain.includes('0110')) {
    for (const hidden of decodedTexts(text)) addHidden(hidden, weights, readings);
  }
  return { weights, readings };
}

/** Independent evidence: one minus the chance that none of it is right. */
export function total(weights: ReadonlyMap<string, number>): number {
  let none = 1;
  for (const weight of weights.values()) none *= 1 - weight;
  return 1 - none;
}

function addRead(text: string, reading: Reading, weights: Map<string, number>, readings: Reading[]): void {
  readings.push(reading);
  addRules(text, reading, weights);
}

function has({ hits }: Reading, concept: ConceptSet): boolean {
  return hits.some((hit) => meets(hit, concept));
}

/** Someone has hidden this, which speaks against it by itself if there is anything in it. */
function addHidden(hidden: string, weights: Map<string, number>, readings: Reading[]): void {
  const inside = new Map<string, number>();
  addRead(hidden, readText(hidden), inside, readings);
  if (total(inside) < LEAST_HIDDEN_SCORE) return;
  for (const [name, weight] of inside) raise(weights, name, weight);
  raise(weights, 'hidden-text', HIDDEN_WEIGHT);
}

/** Adds the weight of each rule that holds, once. */
function addRules(plain: string, { hits }: Reading, weights: Map<string, number>): void {
  for (let index = 0; index < hits.length; index += 1) {
    const hit = hits[index];
    if (hit === undefined || !meets(hit, ANCHORS)) continue;
    for (const beginning of BEGINNINGS) {
      if (!meets(hit, beginning)) continue;
      for (const candidate of beginning.rules) {
        if ((weights.get(candidate.name) ?? 0) >= candidate.weight || !holds(candidate, hits, index))
          continue;
        const weight = weightAt(candidate, hits, index);
        if (weight > 0) raise(weights, candidate.name, weight);
      }
    }
  }
  if (plain.includes('<') || plain.includes('[') || plain.includes('system')) {
    for (const template of TEMPLATES) {
      if (plain.includes(template)) raise(weights, 'template-tokens', TEMPLATE_WEIGHT);
    }
  }
}

function meets(one: ConceptSet, other: ConceptSet): boolean {
  return (one.low & other.low) !== 0 || (one.high & other.high) !== 0;
}

function holds({ steps }: Rule, hits: readonly Hit[], anchor: number): boolean {
  let index = anchor;
  for (const step of steps) {
    index = next(hits, index, step);
    if (index === -1) return false;
  }
  return true;
}

function next(hits: readonly Hit[], from: number, step: Step): number {
  const start = hits[from];
  if (start === undefined) return -1;
  for (let index = from + 1; index < hits.length; index += 1) {
    const hit = hits[index];
    if (hit === undefined || hit.position - start.position > step.within || hit.sentence - start.sentence > 1)
      return -1;
    if (meets(hit, step)) return index;
  }
  return -1;
}

/** The weight of a rule at a place: nothing after a negation, little where an attempt is reported. */
function weightAt({ weight, negatable }: Rule, hits: readonly Hit[], anchor: number): number {
  const at = hits[anchor];
  if (!negatable || at === undefined) return weight;
  let factor = 1;
  for (let index = anchor - 1; index >= 0; index -= 1) {
    const hit = hits[index];
    if (hit === undefined || hit.sentence !== at.sentence) break;
    const distance = at.position - hit.position;
    if (distance > REPORTED_WORDS) break;
    if (distance <= NEGATION_WORDS && meets(hit, NEGATION)) return 0;
    if (meets(hit, ATTEMPT)) factor = REPORTED_FACTOR;
  }
  return weight * factor;
}

function raise(weights: Map<string, number>, name: string, weight: number): void {
  if ((weights.get(name) ?? 0) < weight) weights.set(name, weight);
}
