/**
 * Measures what each policy of a file costs on prompts of 2 KB, in CPU time of the thread:
 *
 *     node measure-chain.ts policy-config.yaml
 */
import { readFileSync } from 'node:fs';
import { parsePolicyConfig } from '../configuration/load.ts';
import { chainRequest } from './chain-request.ts';
import { compileChain } from './compile-chain.ts';
import { evaluateChain } from './evaluate-chain.ts';

const PROMPT_CHARS = 2_048;
const ROUNDS = 15;
const RUNS = 2_000;

const ANALYSIS = `The quarterly report shows that revenue in the northern region grew by 12 percent compared with last year, while
operating costs stayed flat. Write a PySpark query for the seven-day rolling average of sales by region, join it with
the product catalogue and explain each step, with the trade-offs of window functions and self joins. `;
const LETTER = `Please write to Maria Garcia at maria.garcia@example.com or call +49 30 901820 about invoice 20240115. ${ANALYSIS}`;
const PROGRAM = `def load(path):
    frame = spark.read.format("delta").load(path)
    return frame.filter(col("order_date") >= "2024-01-15").groupBy("region_id").agg(sum("amount").alias("total_42"))
`;
const GERMAN = `Der Quartalsbericht zeigt, dass der Umsatz in der Region Nord um zwölf Prozent gegenüber dem Vorjahr gewachsen ist,
während die Kosten gleich geblieben sind. Bitte erkläre die Abfrage und schreibe das Ergebnis in eine Tabelle. `;
const PROMPTS = { prose: ANALYSIS, 'prose with people': LETTER, program: PROGRAM, German: GERMAN };

const [file = 'policy-config.yaml'] = process.argv.slice(2);
const config = parsePolicyConfig(readFileSync(file), { env: process.env, file, allowPlaceholders: true });
const chain = compileChain(config);
const roles = config.policies.rbac?.roles.map(({ name }) => name) ?? [];

for (const [name, text] of Object.entries(PROMPTS)) {
  const content = text.repeat(Math.ceil(PROMPT_CHARS / text.length)).slice(0, PROMPT_CHARS);
  const body = {
    model: config.routes[0]?.model ?? 'model',
    messages: [{ role: 'user', content }],
    max_tokens: 256,
  };
  const costs = chain.steps.map((step) => {
    const alone = { ...chain, steps: [step], readsTexts: step.readsTexts };
    return `${step.name} ${micros(() => evaluateOnce(alone, body))}`;
  });
  report(`${name}: whole chain ${micros(() => evaluateOnce(chain, body))} µs; ${costs.join(', ')}`);
}

function evaluateOnce(alone: typeof chain, body: Record<string, unknown>): void {
  evaluateChain(alone, chainRequest(body, { roles, generates: true, readsTexts: alone.readsTexts }));
}

/** The median of the rounds, in microseconds. */
function micros(run: () => void): string {
  const costs: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const before = process.threadCpuUsage();
    for (let count = 0; count < RUNS; count += 1) run();
    const { user, system } = process.threadCpuUsage(before);
    costs.push((user + system) / RUNS);
  }
  return (costs.toSorted((one, other) => one - other)[ROUNDS >> 1] ?? 0).toFixed(1);
}

function report(line: string): void {
  process.stdout.write(`${line}\n`);
}
