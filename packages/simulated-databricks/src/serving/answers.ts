import type { Behaviour } from './behaviour.ts';
import type { ServedEndpoint } from './endpoints.ts';
import type { ServingRequest } from './request.ts';
import type { Saying } from './saying/saying.ts';
import { generatedWords } from './words.ts';

/** Words generated where neither `max_tokens` nor a directive says how many. */
export const DEFAULT_OUTPUT_TOKENS = 16;

/** An answer before it is put into words. */
export interface Answer {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly request: ServingRequest;
  readonly behaviour: Behaviour;
  /** The model's name as a JSON string. */
  readonly modelJson: string;
  readonly dimensions: number;
  readonly outputTokens: number;
  readonly finishReason: 'length' | 'stop' | 'tool_calls';
  /** `null`: as many words as there are output tokens. */
  readonly said: Saying | null;
}

/** Decides how much is generated: what the directive asks, at most `max_tokens`; without it exactly `max_tokens`. */
export function decideAnswer(
  id: string,
  created: number,
  request: ServingRequest,
  endpoint: ServedEndpoint,
  behaviour: Behaviour,
  defaultOutputTokens: number,
): Answer {
  const { said } = request;
  const wanted = said?.pieces.length ?? behaviour.outputTokens ?? request.maxTokens ?? defaultOutputTokens;
  const generates = request.task !== 'embeddings' && request.task !== 'custom';
  const outputTokens = generates ? Math.min(wanted, request.maxTokens ?? wanted) : 0;
  return {
    id,
    created,
    request,
    behaviour,
    modelJson: behaviour.servedModel === null ? endpoint.modelJson : JSON.stringify(behaviour.servedModel),
    dimensions: request.dimensions ?? endpoint.dimensions,
    outputTokens,
    finishReason: finishReasonOf(said, outputTokens, request.maxTokens),
    said,
  };
}

function finishReasonOf(
  said: Saying | null,
  outputTokens: number,
  maxTokens: number | null,
): Answer['finishReason'] {
  if (said === null) return outputTokens === maxTokens ? 'length' : 'stop';
  if (outputTokens < said.pieces.length) return 'length';
  return said.tool === null ? 'stop' : 'tool_calls';
}

/** The members that open an answer or a chunk. */
export function headMembers(answer: Answer, object: string): string {
  return `"id":"${answer.id}","object":"${object}","created":${answer.created},"model":${answer.modelJson}`;
}

/** `,"usage":…`, or nothing. */
export function usageMember(behaviour: Behaviour, usage: string): string {
  if (behaviour.usage === 'absent') return '';
  return behaviour.usage === 'null' ? ',"usage":null' : `,"usage":${usage}`;
}

/** Usage as JSON; embeddings state no completion tokens. */
export function usageJson(answer: Answer, outputTokens: number): string {
  const { request, behaviour } = answer;
  const { inputTokens } = request;
  if (request.task === 'embeddings') return `{"prompt_tokens":${inputTokens},"total_tokens":${inputTokens}}`;
  const cached =
    behaviour.cachedTokens === null
      ? ''
      : `,"prompt_tokens_details":{"cached_tokens":${cachedTokens(answer)}}`;
  const reasoning =
    behaviour.reasoningTokens === null
      ? ''
      : `,"completion_tokens_details":{"reasoning_tokens":${Math.min(behaviour.reasoningTokens, outputTokens)}}`;
  return (
    `{"prompt_tokens":${inputTokens},"completion_tokens":${outputTokens},` +
    `"total_tokens":${inputTokens + outputTokens}${cached}${reasoning}}`
  );
}

/** Of the input tokens. */
export function cachedTokens({ behaviour, request }: Answer): number {
  return Math.min(behaviour.cachedTokens ?? 0, request.inputTokens);
}

/** Of the output tokens. */
export function reasoningTokens({ behaviour, outputTokens }: Answer): number {
  return Math.min(behaviour.reasoningTokens ?? 0, outputTokens);
}

/** A word that looks like a usage block once it stands in a JSON string. */
const MISLEADING_WORD = '\\"usage\\":{\\"prompt_tokens\\":7,\\"completion_tokens\\":7,\\"total_tokens\\":14}';

/** Words `from` to `to` of the text as the JSON value of `content`, `delta.content` or `text`. */
export function contentJson(answer: Answer, from: number, to: number): string {
  const { behaviour, request } = answer;
  if (!behaviour.contentParts || request.task !== 'chat') return textJson(answer, from, to);
  const reasoned = Math.min(Math.max(from, Math.ceil(answer.outputTokens / 4)), to);
  const parts: string[] = [];
  if (reasoned > from) {
    const summary = `{"type":"summary_text","text":${textJson(answer, from, reasoned)}}`;
    parts.push(`{"type":"reasoning","summary":[${summary}]}`);
  }
  if (to > reasoned) parts.push(`{"type":"text","text":${textJson(answer, reasoned, to)}}`);
  return `[${parts.join(',')}]`;
}

/** The same as a JSON string, whatever the content is made of. */
export function textJson({ behaviour, said }: Answer, from: number, to: number): string {
  if (said !== null) return JSON.stringify(said.pieces.slice(from, to).join(''));
  if (!behaviour.misleadingText || from > 0 || to === 0) return `"${generatedWords(from, to)}"`;
  return `"${MISLEADING_WORD}${generatedWords(1, to)}"`;
}
