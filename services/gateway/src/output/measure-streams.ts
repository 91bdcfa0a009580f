/**
 * Measures what guarding answers costs the gateway beyond passing them on, in CPU time of the thread: for each event of a stream
 * of chat completions, and for a whole answer of 2 KB.
 *
 *     node measure-streams.ts
 */
import { compileOutput, parsePolicyConfig } from '@tollgate/policy';
import { MEASURED_TEXTS, threadMicros } from '@tollgate/policy/testing';
import { EventStream } from '../metering/event-stream.ts';
import { guardedBody } from './answer-body.ts';
import { OutputRules } from './output-rules.ts';

const RUNS = 100;
const MAX_EVENT_BYTES = 1024 * 1024;

const TEXT = MEASURED_TEXTS['prose with people'] ?? '';

const EVENTS = (TEXT.match(/\s*\S{1,8}/g) ?? []).map((content) =>
  Buffer.from(
    `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_760_000_000, model: 'databricks-meta-llama-3-3-70b-instruct', choices: [{ index: 0, delta: { role: 'assistant', content }, finish_reason: null }] })}\n\n`,
  ),
);
const BODY = Buffer.from(
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_760_000_000,
    model: 'databricks-meta-llama-3-3-70b-instruct',
    choices: [{ index: 0, message: { role: 'assistant', content: TEXT }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 12, completion_tokens: 480, total_tokens: 492 },
  }),
);

const POLICIES: Readonly<Record<string, object>> = {
  'pii-detector': { 'pii-detector': { apply_to: ['output'] } },
  'dlp-filter': {
    'dlp-filter': {
      apply_to: ['output'],
      patterns: [
        { name: 'databricks-pat', regex: 'dapi[a-f0-9]{32}', action: 'block' },
        { name: 'jdbc-connection-string', regex: 'jdbc:databricks://[^\\s]+', action: 'redact' },
        { name: 'unity-catalog-path', regex: 'catalog\\.schema\\.table', action: 'redact' },
      ],
    },
  },
};

const bare = threadMicros(RUNS, () => streamed(null)) / EVENTS.length;
report(`no guardrail: ${bare.toFixed(2)} µs an event`);
for (const policy of [...Object.values(POLICIES), Object.assign({}, ...Object.values(POLICIES))]) {
  const pack = { name: 'p', version: '1.0.0', enabled: true };
  const file = JSON.stringify({ pack, policies: { chain: Object.keys(policy) }, policy });
  const rules = new OutputRules(compileOutput(parsePolicyConfig(file, { env: {} })), null, false);
  const cost = threadMicros(RUNS, () => streamed(rules)) / EVENTS.length;
  const whole = threadMicros(RUNS, () => {
    guardedBody(BODY, 'chat', rules.guard(), false);
  });
  const names = Object.keys(policy).join(' and ');
  report(
    `${names}: ${cost.toFixed(2)} µs an event; ${whole.toFixed(0)} µs an answer of ${TEXT.length} characters`,
  );
}

function streamed(rules: OutputRules | null): void {
  const events = new EventStream(true, MAX_EVENT_BYTES);
  const stream = rules === null ? events : rules.stream(events, 'chat', rules.guard());
  for (const event of EVENTS) {
    stream.push(event);
    stream.take();
  }
  stream.end();
  stream.take();
}

function report(line: string): void {
  process.stdout.write(`${line}\n`);
}
