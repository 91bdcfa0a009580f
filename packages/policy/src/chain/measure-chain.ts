/**
 * Measures what each policy of a file costs on prompts of 2 KB, in CPU time of the thread:
 *
 *     node measure-chain.ts policy-config.yaml
 */
import { readFileSync } from 'node:fs';
import { parsePolicyConfig } from '../configuration/load.ts';
import { MEASURED_TEXTS, threadMicros } from '../testing/measuring.ts';
import { chainRequest } from './chain-request.ts';
import { compileChain } from './compile-chain.ts';
import { evaluateChain } from './evaluate-chain.ts';

const RUNS = 2_000;

const [file = 'policy-config.yaml'] = process.argv.slice(2);
const config = parsePolicyConfig(readFileSync(file), { env: process.env, file, allowPlaceholders: true });
const chain = compileChain(config);
const roles = config.policies.rbac?.roles.map(({ name }) => name) ?? [];

for (const [name, content] of Object.entries(MEASURED_TEXTS)) {
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

function micros(run: () => void): string {
  return threadMicros(RUNS, run).toFixed(1);
}

function report(line: string): void {
  process.stdout.write(`${line}\n`);
}
