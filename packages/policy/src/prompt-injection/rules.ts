import type { Concept } from './concepts.ts';
import { CONCEPT_NAMES, type ConceptSet, conceptSet } from './lexicon.ts';

/** A word of a concept, at most so many words after the one before it. */
export interface Step extends ConceptSet {
  readonly within: number;
}

export interface Rule {
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
  // Little by themselves: they put what nothing else is known of into an order, and hardly move the score.
  rule('reveal-secret', 0.12, 'reveal', ['system', 4]),
  rule('reveal-secret', 0.11, 'asks', ['system', 4]),
  rule('reveal-secret', 0.1, 'reveal', ['sensitive', 4]),
  rule('reveal-secret', 0.09, 'asks', ['sensitive', 4]),
  rule('reveal-prompt', 0.12, 'reveal', ['prior', 5]),
  rule('reveal-prompt', 0.11, 'reveal', ['your', 4]),
  rule('reveal-prompt', 0.06, 'reveal', ['directive', 4]),
  rule('override', 0.12, 'ignore', ['all', 2]),
  rule('override', 0.11, 'ignore', ['prior', 3]),
  rule('unbound', 0.05, 'unbound'),
  rule('unbound', 0.09, 'pretend', ['assistant', 5]),
  rule('unbound', 0.08, 'pretend', ['you', 3]),
];

/** The rules that begin with a concept, and the concepts that rules begin with. */
export const BEGINNINGS = CONCEPT_NAMES.map((anchor) => ({
  ...conceptSet(anchor),
  rules: RULES.filter((candidate) => candidate.anchor === anchor),
})).filter(({ rules }) => rules.length > 0);
export const ANCHORS: ConceptSet = BEGINNINGS.reduce(
  (all, { low, high }) => ({ low: all.low | low, high: all.high | high }),
  {
    low: 0,
    high: 0,
  },
);
export const NEGATION = conceptSet('negation');
export const ATTEMPT = conceptSet('attempt');

/** The signs by which chat templates tell roles apart: in a text they pretend to be another speaker. */
export const TEMPLATES: readonly string[] = [
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
