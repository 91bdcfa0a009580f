import type { Concept } from './concepts.ts';
import { CONCEPT_NAMES, type ConceptSet, conceptSet, type Hit, type Reading, readText } from './lexicon.ts';
import { findPhrases } from './phrases.ts';
import { decodedTexts, makeVisible, withoutGaps, withoutLookAlikes } from './unfold.ts';

/** What speaks for an injection, and how strongly: alone, and together as independent evidence. */
export interface Evidence {
  /** Between 0 and 1. */
  readonly score: number;
  /** The rules that hold, the strongest first. */
  readonly rules: readonly string[];
}

/** A word of a concept, at most so many words after the one before it. */
interface Step extends ConceptSet {
  readonly within: number;
}

interface Rule {
  readonly name: string;
  readonly weight: number;
  readonly anchor: Concept;
  readonly steps: readonly Step[];
  /** Means the opposite after a negation: `never reveal your instructions`. */
  readonly negatable: boolean;
}

function rule(
  name: string,
  weight: number,
  anchor: Concept,
  ...then: readonly (readonly [Concept, number])[]
): Rule {
  const steps = then.map(([concept, within]) => ({ ...conceptSet(concept), within }));
  return { name, weight, anchor, steps, negatable: NEGATABLE.has(anchor) };
}

const NEGATABLE: ReadonlySet<Concept> = new Set<Concept>([
  'ignore',
  'reveal',
  'disable',
  'send',
  'pretend',
  'answer',
  'your',
]);

/** How far apart two words may be that mean something together has to be small, or prose would be full of it. */
const RULES: readonly Rule[] = [
  rule('override', 0.8, 'ignore', ['prior', 5], ['directive', 4]),
  rule('override', 0.7, 'ignore', ['all', 3], ['directive', 5]),
  rule('override', 0.7, 'ignore', ['your', 3], ['directive', 4]),
  rule('override', 0.7, 'ignore', ['directive', 4], ['prior', 4]),
  rule('override', 0.6, 'ignore', ['all', 3], ['prior', 5]),
  rule('override', 0.6, 'ignore', ['all', 3], ['said', 4]),
  rule('override', 0.6, 'ignore', ['prior', 3], ['said', 3]),
  rule('override', 0.3, 'ignore', ['directive', 3]),
  rule('override', 0.7, 'negation', ['follow', 2], ['prior', 4], ['directive', 4]),
  rule('override', 0.6, 'negation', ['follow', 2], ['your', 3], ['directive', 4]),
  rule('override', 0.6, 'stop', ['follow', 2], ['directive', 5]),
  rule('new-instructions', 0.3, 'new', ['directive', 2]),
  rule('new-instructions', 0.25, 'instead', ['answer', 3]),
  rule('new-instructions', 0.2, 'answer', ['only', 3]),
  rule('reveal-prompt', 0.75, 'reveal', ['system', 6], ['prompt', 2]),
  rule('reveal-prompt', 0.6, 'reveal', ['your', 5], ['directive', 4]),
  rule('reveal-prompt', 0.55, 'reveal', ['prior', 6], ['prompt', 3]),
  rule('reveal-prompt', 0.5, 'reveal', ['words', 5], ['prior', 4]),
  rule('reveal-prompt', 0.65, 'asks', ['your', 3], ['system', 3], ['prompt', 2]),
  rule('reveal-prompt', 0.5, 'asks', ['your', 3], ['prior', 2], ['directive', 2]),
  rule('reveal-prompt', 0.35, 'asks', ['your', 3], ['directive', 3]),
  rule('reveal-prompt', 0.55, 'reveal', ['directive', 5], ['given', 5]),
  rule('reveal-prompt', 0.5, 'reveal', ['words', 5], ['given', 5]),
  rule('reveal-prompt', 0.5, 'asks', ['given', 4], ['prior', 4]),
  rule('reveal-prompt', 0.3, 'your', ['system', 2], ['prompt', 2]),
  rule('persona', 0.7, 'pretend', ['jailbreak', 6]),
  rule('persona', 0.7, 'you', ['jailbreak', 6]),
  rule('persona', 0.5, 'jailbreak', ['mode', 3]),
  rule('persona', 0.35, 'jailbreak'),
  rule('persona', 0.8, 'do', ['anything', 1], ['now', 1]),
  rule('persona', 0.6, 'developer', ['mode', 1], ['enabled', 5]),
  rule('persona', 0.6, 'enabled', ['developer', 3], ['mode', 1]),
  rule('persona', 0.4, 'developer', ['mode', 1]),
  rule('persona', 0.3, 'from', ['now', 1], ['you', 6]),
  rule('persona', 0.3, 'you', ['now', 2]),
  rule('unbound', 0.6, 'pretend', ['without', 14], ['limits', 6]),
  rule('unbound', 0.5, 'unbound', ['assistant', 4]),
  rule('unbound', 0.5, 'assistant', ['unbound', 6]),
  rule('unbound', 0.5, 'assistant', ['without', 6], ['limits', 6]),
  rule('unbound', 0.5, 'negation', ['bound', 4], ['limits', 7]),
  rule('unbound', 0.5, 'negation', ['bound', 4], ['directive', 7]),
  rule('unbound', 0.4, 'answer', ['without', 8], ['limits', 5]),
  rule('unbound', 0.25, 'without', ['limits', 4]),
  rule('unbound', 0.4, 'limits', ['negation', 3], ['apply', 2]),
  rule('unbound', 0.35, 'regardless', ['limits', 6]),
  rule('unbound', 0.35, 'regardless', ['harmful', 6]),
  rule('no-refusal', 0.35, 'negation', ['refuse', 4]),
  rule('no-refusal', 0.35, 'without', ['refuse', 4]),
  rule('harm', 0.25, 'all', ['harmful', 5]),
  rule('harm', 0.25, 'answer', ['harmful', 8]),
  rule('disable-safety', 0.6, 'disable', ['your', 3], ['safety', 5]),
  rule('disable-safety', 0.6, 'disable', ['your', 3], ['limits', 5]),
  rule('disable-safety', 0.6, 'ignore', ['your', 3], ['limits', 5]),
  rule('disable-safety', 0.6, 'ignore', ['all', 3], ['limits', 5]),
  rule('disable-safety', 0.5, 'ignore', ['safety', 3], ['directive', 3]),
  rule('disable-safety', 0.3, 'disable', ['safety', 4]),
  rule('conceal', 0.5, 'negation', ['conceal', 2], ['user', 3]),
  rule('exfiltrate', 0.35, 'send', ['your', 5], ['sensitive', 5]),
  rule('exfiltrate', 0.3, 'send', ['my', 3], ['sensitive', 4]),
  rule('exfiltrate', 0.25, 'send', ['sensitive', 6]),
];

/** The rules that begin with a concept, and the concepts that rules begin with. */
const BEGINNINGS = CONCEPT_NAMES.map((anchor) => ({
  ...conceptSet(anchor),
  rules: RULES.filter((candidate) => candidate.anchor === anchor),
})).filter(({ rules }) => rules.length > 0);
const ANCHORS: ConceptSet = BEGINNINGS.reduce(
  (all, { low, high }) => ({ low: all.low | low, high: all.high | high }),
  {
    low: 0,
    high: 0,
  },
);
const NEGATION = conceptSet('negation');
const ATTEMPT = conceptSet('attempt');

/** The signs by which chat templates tell roles apart: in a text they pretend to be another speaker. */
const TEMPLATES: readonly string[] = [
  '<|im_start|>',
  '<|im_end|>',
  '<|system|>',
  '<|start_header_id|>',
  '<|eot_id|>',
  '<|endoftext|>',
  '[inst]',
  '[/inst]',
  '<<sys>>',
  '<start_of_turn>',
  '</system>',
  '<system>',
  '[system]',
  '# system:',
  'new system prompt',
  'begin system prompt',
  'end of system prompt',
  'system override',
];
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

const NOTHING: Evidence = { score: 0, rules: [] };

/** Weighs one text. */
export function scoreText(text: string): Evidence {
  let plain = text.toLowerCase();
  let reading = readText(plain);
  const weights = new Map<string, number>();
  if (reading.isForeign) {
    const { text: visible, tagged, invisible } = makeVisible(text);
    for (const hidden of tagged) addHidden(hidden, weights);
    if (tagged.length > 0) raise(weights, 'invisible-characters', TAGGED_WEIGHT);
    else if (invisible >= LEAST_INVISIBLE) raise(weights, 'invisible-characters', INVISIBLE_WEIGHT);
    const common = visible.toLowerCase();
    if (common !== plain) {
      plain = common;
      reading = readText(plain);
    }
    const unmasked = withoutLookAlikes(plain);
    if (unmasked !== plain) addRules(unmasked, readText(unmasked), weights);
    for (const [name, weight] of findPhrases(plain)) raise(weights, name, weight);
  }
  addRules(plain, reading, weights);
  if (reading.isSpaced) {
    const joined = withoutGaps(plain);
    addRules(joined, readText(joined), weights);
  }
  if (reading.hasLongRun) {
    for (const hidden of decodedTexts(text)) addHidden(hidden, weights);
  }
  if (weights.size === 0) return NOTHING;
  const rules = [...weights].toSorted((one, other) => other[1] - one[1]).map(([name]) => name);
  return { score: total(weights), rules };
}

/** Someone has hidden this, which speaks against it by itself if there is anything in it. */
function addHidden(hidden: string, weights: Map<string, number>): void {
  const inside = new Map<string, number>();
  addRules(hidden, readText(hidden), inside);
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

/** Independent evidence: one minus the chance that none of it is right. */
function total(weights: ReadonlyMap<string, number>): number {
  let none = 1;
  for (const weight of weights.values()) none *= 1 - weight;
  return 1 - none;
}
