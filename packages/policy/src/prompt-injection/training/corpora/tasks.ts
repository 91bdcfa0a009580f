import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { byHash, files, hash, jsonLines, readJson, readText, type Sample, tableRows } from './reading.ts';

/** Of ten tasks of a collection, so many are kept apart. */
export const HELD_OUT_TENTHS = 3;

const MOST_OF_ONE_TASK = 12;
const MOST_OF_ONE_LANGUAGE = 25;
const MOST_OF_ONE_COLLECTION = 600;

/** Tasks that are attacks themselves, or nothing like what people ask. */
const NO_ORDINARY_TASK =
  /injection|override|human-safety|naughty|make_me|ballots|steganography|sandbagging|already_said|security_guide/;

const CYBERSEC = 'github/meta-llama+PurpleLlama/CybersecurityBenchmarks/datasets';

/** What people ask of models, in many languages. */
export function tasks(folder: string): Sample[] {
  const samples: Sample[] = [];
  const add = (source: string, name: string, all: readonly string[], most = MOST_OF_ONE_TASK): void => {
    const heldOut = hash(name) % 10 < HELD_OUT_TENTHS;
    for (const text of byHash(all, String).slice(0, most)) {
      samples.push({ text, isInjection: false, source, heldOut });
    }
  };
  const addEach = (source: string, all: readonly string[], most = MOST_OF_ONE_COLLECTION): void => {
    for (const text of byHash(all, String).slice(0, most)) add(source, text, [text]);
  };
  const message = z.object({ role: z.string(), content: z.string() });
  const chat = z.object({ input: z.union([z.string(), z.array(message)]) });
  for (const file of files(folder, 'evals/evals/registry/data/**/*.jsonl')) {
    if (NO_ORDINARY_TASK.test(file)) continue;
    const all = jsonLines(file, chat).flatMap(({ input }) =>
      typeof input === 'string' ? [input] : input.map(({ content }) => content),
    );
    add('evals', basename(dirname(file)), all);
  }
  const example = z.object({ input: z.string() });
  const bigBench = z.object({
    task_prefix: z.string().default(''),
    examples: z.array(z.unknown()).default([]),
  });
  for (const file of files(folder, 'bigbench/*/bigbench/benchmark_tasks/*/task.json')) {
    const { task_prefix: prefix, examples } = readJson(bigBench, file);
    const all = examples.flatMap((each) => {
      const { data } = example.safeParse(each);
      return data === undefined ? [] : [prefix + data.input];
    });
    add('bigbench', basename(dirname(file)), all);
  }
  const writing = z.object({ domain2: z.string(), query: z.string() });
  const writings = join(folder, 'inspect_evals/inspect_evals/writingbench/benchmark_all.jsonl');
  for (const { domain2, query } of jsonLines(writings, writing)) add('writingbench', domain2, [query]);
  const person = z.object({ query: z.string(), memories: z.array(z.string()) });
  for (const file of files(folder, 'inspect_evals/inspect_evals/persistbench/benchmark_samples/*.jsonl')) {
    for (const { query, memories } of jsonLines(file, person))
      add('persistbench', query, [query, memories.join('\n')]);
  }
  for (const file of files(folder, 'chatterbot_corpus/chatterbot_corpus/data/**/*.yml')) {
    const said = readText(file)
      .split('\n')
      .map((line) => line.replace(/^[\s-]+/, ''));
    add(
      'chatterbot',
      file.slice(folder.length),
      said.filter((line) => line.length > 25),
      MOST_OF_ONE_LANGUAGE,
    );
  }
  askedOfAssistants(folder, addEach);
  // Made to look like attacks without being any; all of them are kept apart.
  const over = z.array(z.object({ prompt: z.string() }));
  for (const file of files(folder, 'github/leolee99+PIGuard/datasets/NotInject_*.json')) {
    for (const { prompt } of readJson(over, file))
      samples.push({ text: prompt, isInjection: false, source: 'notinject', heldOut: true });
  }
  return samples;
}

type AddEach = (source: string, all: readonly string[], most?: number) => void;

function askedOfAssistants(folder: string, addEach: AddEach): void {
  const clinc = z.object({ train: z.array(z.tuple([z.string(), z.string()])) });
  addEach(
    'clinc',
    readJson(clinc, folder, 'github/clinc+oos-eval/data/data_full.json').train.map(([text]) => text),
  );
  const column = (file: string, name: string): string[] =>
    tableRows(join(folder, 'github', file)).map((row) => row.get(name) ?? '');
  addEach('banking', column('PolyAI-LDN+task-specific-datasets/banking_data/train.csv', 'text'));
  const hinglish = 'kyahikaru+hinglish-prompt-injection-detector/data/hinglish-clean-500.csv';
  addEach('hinglish clean', column(hinglish, 'hinglish'));
  const safe = tableRows(join(folder, 'github/paul-rottger+exaggerated-safety/xstest_prompts.csv'));
  addEach(
    'xstest',
    safe.filter((row) => row.get('label') === 'safe').map((row) => row.get('prompt') ?? ''),
  );
  const turns = z.object({ turns: z.array(z.union([z.string(), z.object({ content: z.string() })])) });
  for (const [source, file] of [
    ['arena', 'lm-sys+arena-hard-auto/data/arena-hard-v0.1/question.jsonl'],
    ['mt-bench', 'lm-sys+FastChat/fastchat/llm_judge/data/mt_bench/question.jsonl'],
    ['vicuna', 'lm-sys+FastChat/fastchat/llm_judge/data/vicuna_bench/question.jsonl'],
  ] as const) {
    const all = jsonLines(join(folder, 'github', file), turns).flatMap((each) => each.turns);
    addEach(
      source,
      all.map((turn) => (typeof turn === 'string' ? turn : turn.content)),
      600,
    );
  }
  const instruction = z.object({
    instruction: z.string(),
    instances: z.array(z.object({ input: z.string() })),
  });
  for (const file of ['human_eval/user_oriented_instructions', 'data/seed_tasks']) {
    const all = jsonLines(join(folder, `github/yizhongw+self-instruct/${file}.jsonl`), instruction);
    addEach(
      'self-instruct',
      all.map((each) => `${each.instruction}\n\n${each.instances[0]?.input ?? ''}`),
    );
  }
  const exercise = z.array(z.object({ instruction: z.string(), input: z.string() }));
  const exercises = 'github/rasbt+LLMs-from-scratch/ch07/01_main-chapter-code/instruction-data.json';
  addEach(
    'exercises',
    readJson(exercise, folder, exercises).map((each) => `${each.instruction}\n\n${each.input}`),
  );
  const chinese = z.array(z.object({ prompt: z.string() }));
  addEach(
    'roles in Chinese',
    readJson(chinese, folder, 'github/PlexPt+awesome-chatgpt-prompts-zh/prompts-zh.json').map(
      ({ prompt }) => prompt,
    ),
    150,
  );
  const mutated = z.array(z.object({ mutated_prompt: z.string() }));
  for (const name of ['mitre_frr', 'frr_multilingual_machine_translated']) {
    addEach(
      name,
      readJson(mutated, folder, CYBERSEC, `mitre_frr/${name}.json`).map((each) => each.mutated_prompt),
      400,
    );
  }
  const coding = z.array(z.object({ test_case_prompt: z.string() }));
  addEach(
    'coding',
    readJson(coding, folder, CYBERSEC, 'instruct/instruct.json').map((each) => each.test_case_prompt),
    200,
  );
}
