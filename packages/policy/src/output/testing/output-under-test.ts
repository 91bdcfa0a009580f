import { parsePolicyConfig } from '../../configuration/load.ts';
import { Redactions } from '../../texts/redactions.ts';
import { compileOutput, OutputGuard } from '../output-guard.ts';

const OUTPUT = { apply_to: ['output'] };

/** A guard of the policies named, all of them for answers alone unless they say otherwise. */
export function guardOf(
  chain: readonly string[],
  policy: Record<string, object> = {},
  redactions = new Redactions(),
): OutputGuard {
  const sections = Object.fromEntries(chain.map((name) => [name, { ...OUTPUT, ...policy[name] }]));
  const pack = { name: 'p', version: '1.0.0', enabled: true };
  const file = JSON.stringify({ pack, policies: { chain }, policy: sections });
  const compiled = compileOutput(parsePolicyConfig(file, { env: {} }));
  return new OutputGuard(compiled, redactions);
}

export interface Outcome {
  readonly text: string;
  readonly findings: readonly string[];
  readonly blocked: string | null;
}

/** What comes of one text in these pieces. */
export function outcome(guard: OutputGuard, pieces: readonly string[]): Outcome {
  const window = guard.begin();
  const text = pieces.map((piece) => window.push(piece)).join('') + window.end();
  const findings = guard
    .findings()
    .map(({ policy, rule, action, count }) => `${policy} ${rule} ${action} ${count}`);
  return { text, findings, blocked: guard.blocked === null ? null : guard.blocked.rule };
}

/** A text cut at places given as parts of its length; cuts fall within surrogate pairs, too. */
export function cut(text: string, places: readonly number[]): string[] {
  const at = [...new Set(places.map((place) => Math.floor(place * text.length)))].sort((a, b) => a - b);
  return [0, ...at].map((from, index) => text.slice(from, at[index] ?? text.length));
}
