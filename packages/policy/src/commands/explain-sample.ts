import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type Explanation, explain } from '../chain/explain.ts';
import { at } from '../configuration/document.ts';
import type { PolicyConfig } from '../configuration/policy-config.ts';

/**
 * Explains what would happen to a sample: a file with a request's JSON body, or `-` for standard input. Throws
 * `PolicyConfigError` where that is none.
 */
export async function explainSample(
  config: PolicyConfig,
  source: string,
  caller: { readonly roles: readonly string[]; readonly generates: boolean },
): Promise<Explanation> {
  const body = parsed(await read(source));
  if (body === null)
    throw at(source, 'invalid-value', '--explain needs the JSON body of a request, an object.');
  return explain(config, body, caller);
}

async function read(source: string): Promise<string> {
  if (source === '-') return text(process.stdin);
  try {
    return await readFile(source, 'utf8');
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
  const { model, route, denial, findings, rewritten, notTried } = explanation;
  const lines = ['', 'The request'];
  lines.push(`  model    ${model || 'none named'}`);
  lines.push(
    route === null
      ? '  route    none: it would be answered with 404'
      : `  route    ${route.map(({ target, weight }) => `${target} (${weight === 0 ? 'fallback' : `weight ${weight}`})`).join(', ')}`,
  );
  for (const { policy, rule, action, count } of findings) {
    lines.push(`  finding  ${policy}: ${rule}, ${count === 1 ? 'once' : `${count} times`}: ${action}`);
  }
  if (notTried.length > 0) lines.push(`  untried  ${notTried.join(', ')}: it has to ask a model`);
  lines.push(
    denial === null
      ? '  outcome  allowed'
      : `  outcome  refused with ${denial.status} ${denial.code}: ${denial.message}`,
  );
  if (rewritten !== null) lines.push(`  sent     ${JSON.stringify(rewritten)}`);
  return `${lines.join('\n')}\n`;
}
