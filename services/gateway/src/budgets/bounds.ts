import { generates } from '../body/protocol.ts';
import type { RequestFacts } from '../body/request-body.ts';

/** Tokens of one request, split as providers bill them. */
export interface TokenBound {
  readonly input: number;
  readonly output: number;
}

/**
 * Tokens that chat templates write around the messages: system preambles, dates, the opening of the answer. What
 * stands around one message is less than the bytes of its braces and member names, which count as well.
 */
export const TEMPLATE_TOKENS = 160;

/** Tokens that templates add to explain tools or a response format, besides writing those out. */
export const TOOL_TEMPLATE_TOKENS = 640;

/** Templates write tools out indented: up to so many times their bytes. */
const TOOL_INDENT_FACTOR = 2;

/** The most that one picture, sound or document is taken for. Unlike text, nobody can tell this from its bytes. */
export const MEDIA_TOKENS = 8192;

/** Beyond every limit, and still exact. */
export const UNBOUNDED = 2 ** 50;

/**
 * The most tokens that a request can use: what a `strict` limit reserves.
 *
 * Every token of the tokenizers in use stands for at least one byte of text, and the JSON of the body is at least as
 * long as the text in it, so input tokens ≤ bytes of the body without media data + what templates add. Output tokens
 * ≤ `max_tokens` × `n`, which the upstream keeps to.
 *
 * Known limits: media count as {@link MEDIA_TOKENS} each; tokenizers that first rewrite text by NFKC (T5, XLM-R) can
 * make more tokens than bytes of a few ligatures.
 *
 * @param bodyBytes length of the body as it is sent, without what the gateway adds
 * @param outputLimit what is set upstream where the body has no limit of its own
 */
export function boundOf(facts: RequestFacts, bodyBytes: number, outputLimit: number): TokenBound {
  const { choices, outputCeiling, hasTools, mediaParts, mediaBytes, hiddenInput } = facts.extent;
  const text = bodyBytes - mediaBytes;
  const tools = hasTools ? text * (TOOL_INDENT_FACTOR - 1) + TOOL_TEMPLATE_TOKENS : 0;
  const read = text + TEMPLATE_TOKENS + tools + mediaParts * MEDIA_TOKENS;
  // Nobody can bound here what the upstream has read before or looks up by itself.
  const input = hiddenInput ? UNBOUNDED : read;
  if (!generates(facts.protocol)) return { input, output: 0 };
  if (choices === null) return { input, output: UNBOUNDED };
  return { input, output: Math.min(UNBOUNDED, (outputCeiling ?? outputLimit) * Math.max(1, choices)) };
}

/** The facts of a request whose answers are limited to so many tokens each, whatever its body says. */
export function limitedTo(facts: RequestFacts, limit: number): RequestFacts {
  return { ...facts, maxOutputTokens: limit, extent: { ...facts.extent, outputCeiling: limit } };
}

/** Whether an output limit has to be set upstream for {@link boundOf} to hold. */
export function needsOutputLimit(facts: RequestFacts): boolean {
  return generates(facts.protocol) && facts.extent.outputCeiling === null;
}
