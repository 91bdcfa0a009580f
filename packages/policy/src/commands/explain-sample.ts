import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { type Explanation, explain } from '../chain/explain.ts';
import type { AnswerExplanation } from '../chain/explain-answer.ts';
import type { Finding } from '../chain/policy-step.ts';
import { at } from '../configuration/document/document.ts';
import type { PolicyConfig } from '../configuration/policy-config.ts';
import type { OutputGuard } from '../output/output-guard.ts';

/** Takes a whole answer apart as a gateway does. `request`: the body that it answers. */
export type GuardAnswer = (
  answer: Buffer,
  endpoint: SampleEndpoint,
  guard: OutputGuard,
  request: Readonly<Record<string, unknown>>,
) => Buffer | null;

/** Where a sample goes. */
export const SAMPLE_ENDPOINTS = ['chat', 'completions', 'responses', 'embeddings'] as const;
export type SampleEndpoint = (typeof SAMPLE_ENDPOINTS)[number];

/** What is to be explained. Of each source, `-` is standard input. */
export interface Samples {
  /** A file with a request's JSON body. */
  readonly request: string;
  /** A file with the body of an answer to it, and who reads answers; `null`: none is to be explained. */
  readonly answer: { readonly source: string; readonly guard: GuardAnswer } | null;
  readonly endpoint: SampleEndpoint;
  readonly roles: readonly string[];
}

/** Explains what would happen to a sample. Throws `PolicyConfigError` where it is no request, or can't be read. */
export async function explainSample(config: PolicyConfig, samples: Samples): Promise<Explanation> {
  const { request, answer, endpoint, roles } = samples;
  const body = parsed((await read(request)).toString('utf8'));
  if (body === null)
    throw at(request, 'invalid-value', '--explain needs the JSON body of a request, an object.');
  const generates = endpoint !== 'embeddings';
  if (answer === null) return explain(config, body, { roles, generates });
  if (!generates)
    throw at(answer.source, 'invalid-value', 'Embeddings are answered without texts: leave --answer out.');
  const sample = await read(answer.source);
  const { guard } = answer;
  return explain(
    config,
    body,
    { roles, generates },
    { body: sample, pass: (bytes, output) => guard(bytes, endpoint, output, body) },
  );
}

async function read(source: string): Promise<Buffer> {
  if (source === '-') return buffer(process.stdin);
  try {
    return await readFile(source);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw at(source, 'unreadable-file', `The sample for --explain can't be read${reason}.`);
  }
}

function parsed(json: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

/** For people. */
export function describeExplanation(explanation: Explanation): string {
  const { model, route, denial, findings, rewritten, notTried, answer } = explanation;
  const lines = ['', 'The request'];
  lines.push(`  model    ${model || 'none named'}`);
  lines.push(
    route === null
      ? '  route    none: it would be answered with 404'
      : `  route    ${route.map(({ target, weight }) => `${target} (${weight === 0 ? 'fallback' : `weight ${weight}`})`).join(', ')}`,
  );
  lines.push(...findings.map(describeFinding));
  if (notTried.length > 0) lines.push(`  untried  ${notTried.join(', ')}: it has to ask a model`);
  lines.push(
    denial === null
      ? '  outcome  allowed'
      : `  outcome  refused with ${denial.status} ${denial.code}: ${denial.message}`,
  );
  if (rewritten !== null) lines.push(`  sent     ${JSON.stringify(rewritten)}`);
  if (answer !== null) lines.push('', 'The answer', ...describeAnswer(answer));
  return `${lines.join('\n')}\n`;
}

function describeAnswer({ looked, findings, refused, rewritten }: AnswerExplanation): string[] {
  const lines = findings.map(describeFinding);
  if (!looked)
    lines.push('  looked   by no policy: name output under apply_to of pii-detector or dlp-filter');
  if (refused === null) lines.push(`  outcome  given${rewritten === null ? ' as it came' : ''}`);
  else if (refused === 'unreadable') {
    lines.push('  outcome  refused with 502 upstream_unexpected: nobody can tell what is in it');
  } else {
    const { policy, rule } = refused;
    lines.push(`  outcome  refused with output_blocked by ${policy} (${rule}); a stream ends there`);
  }
  if (rewritten !== null) lines.push(`  given    ${rewritten}`);
  return lines;
}

function describeFinding({ policy, rule, action, count }: Finding): string {
  return `  finding  ${policy}: ${rule}, ${count === 1 ? 'once' : `${count} times`}: ${action}`;
}
