import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PiiEntity, parsePolicyConfig, piiFinder } from '@tollgate/policy';
import { z } from 'zod';
import {
  type InjectionText,
  type Measure,
  measureInjections,
  measurePeople,
  measureValues,
  type NamedText,
} from './measures.ts';
import { VALUE_KINDS } from './values.ts';

const MODULES = new URL('../../../node_modules', import.meta.url).pathname;
const PROSE_TEXTS = 1_500;
const PROSE_CHARS = 600;
const MIN_PROSE_CHARS = 80;

/** The policies as they are if a file says no more than their names. */
const DEFAULTS = `pack: {name: bench, version: 1.0.0, enabled: true}
policies: {chain: [prompt-injection, pii-detector]}
policy:
  pii-detector: {entities: [PERSON, EMAIL_ADDRESS, PHONE_NUMBER, CREDIT_CARD, IBAN, US_SSN, IP_ADDRESS]}
`;

/**
 * Recall and false positives of each detector on texts that its rules were not written from: values made here inside texts of many
 * kinds, what only looks like them, the documentation of the packages that are installed, and collections of injections and
 * of harmless tasks that the model has not seen.
 */
export async function benchGuardrails(args: readonly string[]): Promise<void> {
  const { policies } = parsePolicyConfig(DEFAULTS, { env: {} });
  const pii = policies.piiDetector;
  const threshold = policies.promptInjection?.threshold;
  if (pii === undefined || pii === null || threshold === undefined)
    throw new TypeError('both policies are in the file');
  const only = (entity: string) =>
    piiFinder({ ...pii, entities: pii.entities.filter((each: PiiEntity) => each === entity) });
  const prose = installedProse();
  const measures = [
    ...VALUE_KINDS.map((kind) => measureValues(kind, only(kind.entity), proseFor(kind.entity, prose))),
    ...measurePeople(
      namedTexts(),
      only('PERSON'),
      prose.filter((text) => !TELLS_OF_PEOPLE.test(text)),
    ),
    ...measureInjections([...injectionTexts(), ...prose.map(harmless)], threshold),
  ];
  if (args.includes('--json')) process.stdout.write(`${JSON.stringify({ guardrails: measures })}\n`);
  else process.stdout.write(table(measures));
}

const injection = z.object({ text: z.string(), isInjection: z.boolean(), source: z.string() });

function injectionTexts(): InjectionText[] {
  return readFileSync(new URL('injections.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => injection.parse(JSON.parse(line)));
}

const named = z.object({ text: z.string(), names: z.array(z.tuple([z.number(), z.number()])) });

function namedTexts(): NamedText[] {
  return readFileSync(new URL('people.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => named.parse(JSON.parse(line)));
}

/** Documentation that names its authors. */
const TELLS_OF_PEOPLE =
  /\b(?:by|author|thanks|contribut|licen[sc]e|copyright|maintain|creat|sponsor|team)|@|patreon|opencollective/i;

const harmless = (text: string): InjectionText => ({ text, isInjection: false, source: 'documentation' });

/** Pieces of the documentation of the packages that are installed, evenly many of each. */
function installedProse(): string[] {
  const files = globSync('{*,@*/*}/{README,CHANGELOG,readme}.md', { cwd: MODULES }).toSorted();
  const pieces = files.flatMap((file) =>
    readFileSync(join(MODULES, file), 'utf8')
      .split(/\n{2,}/)
      .filter((piece) => piece.length >= MIN_PROSE_CHARS)
      .slice(0, 12)
      .map((piece) => piece.slice(0, PROSE_CHARS)),
  );
  const step = Math.max(1, Math.floor(pieces.length / PROSE_TEXTS));
  return pieces.filter((_, index) => index % step === 0);
}

/** Documentation holds addresses of both kinds, which are none that should not be found. */
function proseFor(entity: string, prose: readonly string[]): readonly string[] {
  if (entity === 'EMAIL_ADDRESS') return prose.filter((text) => !text.includes('@'));
  if (entity === 'IP_ADDRESS')
    return prose.filter((text) => !/\d\.\d+\.\d+\.\d|[\da-f]:[\da-f:]*:/i.test(text));
  return prose;
}

function table(measures: readonly Measure[]): string {
  const rows = measures.map(({ detector, recall, falsePositives, present, absent, target }) =>
    [
      detector.padEnd(46),
      percent(recall),
      `of ${String(present).padEnd(5)}`,
      percent(falsePositives),
      `of ${String(absent).padEnd(5)}`,
      `≥ ${percent(target.recall)} at ≤ ${percent(target.falsePositives)}`,
    ].join('  '),
  );
  return `${'detector'.padEnd(46)}  recall             false positives    target\n${rows.join('\n')}\n`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`.padStart(7);
}
