/**
 * Measures what guarding answers costs, in CPU time of the thread: for each piece of a stream, and for 2 KB in one piece; and how
 * long text is held back, in pieces.
 *
 *     node measure-output.ts
 */
import { parsePolicyConfig } from '../configuration/load.ts';
import { MEASURED_TEXTS, threadMicros } from '../testing/measuring.ts';
import { type CompiledOutput, compileOutput, OutputGuard } from './output-guard.ts';

const RUNS = 200;

const POLICIES: Readonly<Record<string, object>> = {
  'pii-detector': { 'pii-detector': { action: 'redact', apply_to: ['output'] } },
  'pii-detector of three entities': {
    'pii-detector': { entities: ['PERSON', 'EMAIL_ADDRESS', 'PHONE_NUMBER'], apply_to: ['output'] },
  },
  'dlp-filter of three expressions': {
    'dlp-filter': {
      apply_to: ['output'],
      patterns: [
        { name: 'databricks-pat', regex: 'dapi[a-f0-9]{32}', action: 'block' },
        { name: 'jdbc-connection-string', regex: 'jdbc:databricks://[^\\s]+', action: 'redact' },
        { name: 'unity-catalog-path', regex: 'catalog\\.schema\\.table', action: 'redact' },
      ],
    },
  },
  'dlp-filter of [a-z_]+\\.[a-z_]+\\.[a-z_]+': {
    'dlp-filter': {
      apply_to: ['output'],
      action: 'redact',
      detect_patterns: ['[a-z_]+\\.[a-z_]+\\.[a-z_]+'],
    },
  },
};

for (const [name, policy] of Object.entries(POLICIES)) {
  const pack = { name: 'p', version: '1.0.0', enabled: true };
  const file = JSON.stringify({ pack, policies: { chain: Object.keys(policy) }, policy });
  const compiled = compileOutput(parsePolicyConfig(file, { env: {} }));
  for (const [kind, answer] of Object.entries(MEASURED_TEXTS)) {
    // As tokens come: a word with the space before it.
    const pieces = answer.match(/\s*\S{1,8}/g) ?? [];
    const streamed = threadMicros(RUNS, () => run(compiled, pieces));
    const whole = threadMicros(RUNS, () => run(compiled, [answer]));
    const held = heldBack(compiled, pieces);
    process.stdout.write(
      `${name}, ${kind}: ${(streamed / pieces.length).toFixed(2)} µs a piece, ${whole.toFixed(0)} µs whole; held back ${held.mean.toFixed(1)} pieces, at most ${held.most}\n`,
    );
  }
}

function run(compiled: CompiledOutput | null, pieces: readonly string[]): void {
  const text = new OutputGuard(compiled, null).begin();
  for (const piece of pieces) text.push(piece);
  text.end();
}

/** For how many more pieces a piece waits until all of it is out. */
function heldBack(
  compiled: CompiledOutput | null,
  pieces: readonly string[],
): { readonly mean: number; readonly most: number } {
  const text = new OutputGuard(compiled, null).begin();
  let [passed, came, first, sum, most] = [0, 0, 0, 0, 0];
  const ends: number[] = [];
  for (const [index, piece] of pieces.entries()) {
    came += piece.length;
    ends.push(came);
    passed += text.push(piece).length;
    while ((ends[first] ?? Number.POSITIVE_INFINITY) <= passed) {
      sum += index - first;
      most = Math.max(most, index - first);
      first += 1;
    }
  }
  return { mean: sum / Math.max(1, first), most };
}
