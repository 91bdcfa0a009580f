/**
 * Measures what guarding answers costs, in CPU time of the thread: for each piece of a stream, and for 2 KB in one piece; and how
 * long text is held back, in pieces.
 *
 *     node measure-output.ts
 */
import { parsePolicyConfig } from '../configuration/load.ts';
import { type CompiledOutput, compileOutput, OutputGuard } from './output-guard.ts';

const ANSWER_CHARS = 2_048;
const ROUNDS = 15;
const RUNS = 200;

const PROSE = `The quarterly report shows that revenue in the northern region grew by 12 percent compared with last year, while
operating costs stayed flat. Write a PySpark query for the seven-day rolling average of sales by region, join it with
the product catalogue and explain each step, with the trade-offs of window functions and self joins. `;
const LETTER = `Please write to Maria Garcia at maria.garcia@example.com or call +49 30 901820 about invoice 20240115. ${PROSE}`;
const PROGRAM = `def load(path):
    frame = spark.read.format("delta").load(path)
    return frame.filter(col("order_date") >= "2024-01-15").groupBy("region_id").agg(sum("amount").alias("total_42"))
`;
const GERMAN = `Der Quartalsbericht zeigt, dass der Umsatz in der Region Nord um zwölf Prozent gegenüber dem Vorjahr gewachsen ist,
während die Kosten gleich geblieben sind. Bitte erkläre die Abfrage und schreibe das Ergebnis in eine Tabelle. `;
const ANSWERS = { prose: PROSE, 'prose with people': LETTER, program: PROGRAM, German: GERMAN };

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
  for (const [kind, text] of Object.entries(ANSWERS)) {
    const answer = text.repeat(Math.ceil(ANSWER_CHARS / text.length)).slice(0, ANSWER_CHARS);
    // As tokens come: a word with the space before it.
    const pieces = answer.match(/\s*\S{1,8}/g) ?? [];
    const streamed = micros(() => run(compiled, pieces));
    const whole = micros(() => run(compiled, [answer]));
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

/** The median of the rounds, in microseconds. */
function micros(task: () => void): number {
  const costs: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const before = process.threadCpuUsage();
    for (let count = 0; count < RUNS; count += 1) task();
    const { user, system } = process.threadCpuUsage(before);
    costs.push((user + system) / RUNS);
  }
  return costs.toSorted((one, other) => one - other)[ROUNDS >> 1] ?? 0;
}
