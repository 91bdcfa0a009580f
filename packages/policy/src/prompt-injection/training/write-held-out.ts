/**
 * Writes the texts that `prompt-injection` is judged by, as JSON lines of `text`, `isInjection` and `source`:
 *
 *     node write-held-out.ts FOLDER > …/injections.jsonl
 */
import { allSamples } from './corpora.ts';

const MOST_INJECTIONS = 140;
const MOST_HARMLESS = 80;
const MAX_CHARS = 500;

const [folder = ''] = process.argv.slice(2);
const written = new Map<string, number>();
for (const { text, isInjection, source, heldOut } of allSamples(folder)) {
  const kind = `${source} ${isInjection}`;
  const count = written.get(kind) ?? 0;
  if (!heldOut || source === 'documents' || count >= (isInjection ? MOST_INJECTIONS : MOST_HARMLESS))
    continue;
  written.set(kind, count + 1);
  const line = { text: text.slice(0, isInjection ? 2 * MAX_CHARS : MAX_CHARS), isInjection, source };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
