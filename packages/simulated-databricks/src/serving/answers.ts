import type { Behaviour } from './behaviour.ts';
import { embeddingJson } from './embeddings.ts';
import type { ServedEndpoint } from './endpoints.ts';
import type { ServingRequest } from './request.ts';
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
  readonly finishReason: 'length' | 'stop';
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
  const wanted = behaviour.outputTokens ?? request.maxTokens ?? defaultOutputTokens;
  const outputTokens = request.task === 'embeddings' ? 0 : Math.min(wanted, request.maxTokens ?? wanted);
  return {
    id,
    created,
    request,
    behaviour,
    modelJson: behaviour.servedModel === null ? endpoint.modelJson : JSON.stringify(behaviour.servedModel),
    dimensions: request.dimensions ?? endpoint.dimensions,
    outputTokens,
    finishReason: outputTokens === request.maxTokens ? 'length' : 'stop',
  };
}

/** The JSON body of an answer that is not a stream, concatenated rather than stringified: 1 µs against 5. */
export function wholeBody(answer: Answer): string {
  const { request, behaviour } = answer;
  const usage = usageMember(behaviour, usageJson(request, answer.outputTokens, behaviour));
  const early = behaviour.usage === 'early';
  const members =
    request.task === 'embeddings' ? embeddingMembers(answer) : textMembers(answer, early ? usage : '');
  const body = `{${members}${early && request.task !== 'embeddings' ? '' : usage}}`;
  return behaviour.malformed ? body.slice(0, Math.ceil((body.length * 2) / 3)) : body;
}

function textMembers(answer: Answer, beforeChoices: string): string {
  const { request, outputTokens, finishReason } = answer;
  const object = request.task === 'chat' ? 'chat.completion' : 'text_completion';
  const content = contentJson(answer, 0, outputTokens);
  const choice =
    request.task === 'chat' ? `"message":{"role":"assistant","content":${content}}` : `"text":${content}`;
  return (
    `${headMembers(answer, object)}${beforeChoices},` +
    `"choices":[{"index":0,${choice},"logprobs":null,"finish_reason":"${finishReason}"}]`
  );
}

function embeddingMembers(answer: Answer): string {
  const { request, dimensions, modelJson } = answer;
  const data = request.embeddingSeeds.map(
    (seed, index) =>
      `{"object":"embedding","index":${index},"embedding":${embeddingJson(seed, dimensions, request.base64)}}`,
  );
  return `"object":"list","model":${modelJson},"data":[${data.join(',')}]`;
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
export function usageJson(request: ServingRequest, outputTokens: number, behaviour: Behaviour): string {
  const { inputTokens } = request;
  if (request.task === 'embeddings') return `{"prompt_tokens":${inputTokens},"total_tokens":${inputTokens}}`;
  const { cachedTokens, reasoningTokens } = behaviour;
  const cached =
    cachedTokens === null
      ? ''
      : `,"prompt_tokens_details":{"cached_tokens":${Math.min(cachedTokens, inputTokens)}}`;
  const reasoning =
    reasoningTokens === null
      ? ''
      : `,"completion_tokens_details":{"reasoning_tokens":${Math.min(reasoningTokens, outputTokens)}}`;
  return (
    `{"prompt_tokens":${inputTokens},"completion_tokens":${outputTokens},` +
    `"total_tokens":${inputTokens + outputTokens}${cached}${reasoning}}`
  );
}

/** A word that looks like a usage block once it stands in a JSON string. */
const MISLEADING_WORD = '\\"usage\\":{\\"prompt_tokens\\":7,\\"completion_tokens\\":7,\\"total_tokens\\":14}';

/** Words `from` to `to` of the text as the JSON value of `content`, `delta.content` or `text`. */
export function contentJson(answer: Answer, from: number, to: number): string {
  const { behaviour, request } = answer;
  if (!behaviour.contentParts || request.task !== 'chat') return textJson(behaviour, from, to);
  const reasoned = Math.min(Math.max(from, Math.ceil(answer.outputTokens / 4)), to);
  const parts: string[] = [];
  if (reasoned > from) {
    const summary = `{"type":"summary_text","text":${textJson(behaviour, from, reasoned)}}`;
    parts.push(`{"type":"reasoning","summary":[${summary}]}`);
  }
  if (to > reasoned) parts.push(`{"type":"text","text":${textJson(behaviour, reasoned, to)}}`);
  return `[${parts.join(',')}]`;
}

function textJson(behaviour: Behaviour, from: number, to: number): string {
  if (!behaviour.misleadingText || from > 0 || to === 0) return `"${generatedWords(from, to)}"`;
  return `"${MISLEADING_WORD}${generatedWords(1, to)}"`;
}
