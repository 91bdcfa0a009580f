import { topLevelMembers } from './members.ts';
import type { Protocol } from './protocol.ts';
import { RESERVED_MEMBERS, type RequestFacts } from './request-body.ts';

const NO_NAMES: ReadonlySet<string> = new Set();

const OPEN_OBJECT = 0x7b;

/** The member that limits the output, as the gateway writes it. */
const OUTPUT_LIMIT: Readonly<Record<Protocol, string>> = {
  chat: 'max_tokens',
  completions: 'max_tokens',
  embeddings: 'max_tokens',
  responses: 'max_output_tokens',
  custom: 'max_tokens',
};

/** Members by which a caller limits the output. */
const OUTPUT_LIMITS: ReadonlySet<string> = new Set(['max_tokens', 'max_completion_tokens']);
const RESPONSES_OUTPUT_LIMITS: ReadonlySet<string> = new Set(['max_output_tokens']);

const MODEL: ReadonlySet<string> = new Set(['model']);

/**
 * The body as it goes upstream: the caller's own bytes, with `members` (of a JSON object, each followed by a
 * comma; may be empty) put in after the opening brace, and `stream_options.include_usage` asked for on streams whose
 * protocol knows it.
 *
 * Members that only the gateway may write, and a `stream_options` that has to change, are left out of the caller's
 * bytes; every other member stays as it came, byte for byte.
 *
 * @param outputLimit set in place of what the caller's body says about it; null leaves that alone
 * @param model the name to put in place of the caller's `model`; null leaves that alone
 */
export function upstreamBody(
  raw: Buffer,
  facts: RequestFacts,
  members: string,
  outputLimit: number | null = null,
  model: string | null = null,
): Buffer {
  const asksUsage = facts.stream && !facts.wantsUsage;
  const named = model === null ? members : `${members}"model":${JSON.stringify(model)},`;
  const ours = outputLimit === null ? named : `${named}"${OUTPUT_LIMIT[facts.protocol]}":${outputLimit},`;
  const limits = outputLimit !== null && facts.extent.namesOutputLimit ? limitsOf(facts.protocol) : NO_NAMES;
  const drops = model === null || facts.modelInPath ? limits : limits.union(MODEL);
  if (facts.hasReservedMembers || drops !== NO_NAMES || (asksUsage && facts.streamOptions !== undefined)) {
    return rebuilt(raw, facts, ours, asksUsage, drops);
  }
  const added = asksUsage ? `${ours}"stream_options":{"include_usage":true},` : ours;
  if (added === '') return raw;
  const rest = raw.indexOf(OPEN_OBJECT) + 1;
  const addedBytes = Buffer.byteLength(added) + 1;
  const body = Buffer.allocUnsafe(addedBytes + raw.length - rest);
  body[0] = OPEN_OBJECT;
  body.write(added, 1);
  raw.copy(body, addedBytes, rest);
  return body;
}

function limitsOf(protocol: Protocol): ReadonlySet<string> {
  return protocol === 'responses' ? RESPONSES_OUTPUT_LIMITS : OUTPUT_LIMITS;
}

function rebuilt(
  raw: Buffer,
  facts: RequestFacts,
  ours: string,
  asksUsage: boolean,
  drops: ReadonlySet<string>,
): Buffer {
  const kept = topLevelMembers(raw).filter(
    ({ name }) =>
      !RESERVED_MEMBERS.has(name) &&
      !drops.has(name) &&
      !(asksUsage && name === 'stream_options') &&
      !(facts.modelInPath && name === 'model'),
  );
  const options = asksUsage
    ? `"stream_options":${JSON.stringify({ ...facts.streamOptions, include_usage: true })},`
    : '';
  const parts: Buffer[] = [Buffer.from(`{${ours}${options}`)];
  kept.forEach(({ bytes }, i) => {
    if (i > 0) parts.push(Buffer.from(','));
    parts.push(bytes);
  });
  parts.push(Buffer.from('}'));
  return Buffer.concat(parts);
}
