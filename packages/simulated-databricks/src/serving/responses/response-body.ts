import { type Answer, cachedTokens, reasoningTokens, textJson } from '../answers.ts';

/** The answer's one output item: a message, or the call of a tool. */
export interface OutputItem {
  readonly id: string;
  readonly callId: string;
  /** JSON; null: the item is a message. */
  readonly toolJson: string | null;
}

export function outputItemOf({ id, said }: Answer): OutputItem {
  const tool = said?.tool ?? null;
  return {
    id: `${tool === null ? 'msg' : 'fc'}_${id}`,
    callId: `call_${id}`,
    toolJson: tool === null ? null : JSON.stringify(tool),
  };
}

/** The item with the words `0` to `to` of what it says. */
export function itemJson(answer: Answer, item: OutputItem, to: number, status: string): string {
  const text = textJson(answer, 0, to);
  const head = `"id":"${item.id}","status":"${status}"`;
  if (item.toolJson !== null) {
    return `{${head},"type":"function_call","call_id":"${item.callId}","name":${item.toolJson},"arguments":${text}}`;
  }
  const content = status === 'in_progress' ? '' : partJson(text);
  return `{${head},"type":"message","role":"assistant","content":[${content}]}`;
}

/** A part of a message that is text. */
export function partJson(textJson: string): string {
  return `{"type":"output_text","annotations":[],"logprobs":[],"text":${textJson}}`;
}

/** A response as it stands at its beginning. */
export function beginningJson(answer: Answer): string {
  return responseJson(answer, 'in_progress', '[]', 'null', 'null');
}

/** A whole response, as the body of an answer or in the event that ends a stream. */
export function finalJson(answer: Answer): string {
  const { behaviour, finishReason, outputTokens } = answer;
  const status = behaviour.failsResponse ? 'failed' : finishReason === 'length' ? 'incomplete' : 'completed';
  const item = itemJson(
    answer,
    outputItemOf(answer),
    outputTokens,
    status === 'failed' ? 'incomplete' : status,
  );
  const error = behaviour.failsResponse
    ? '{"code":"server_error","message":"The served model failed while it was answering."}'
    : 'null';
  const usage =
    behaviour.usage === 'absent' || behaviour.usage === 'null' ? 'null' : responseUsageJson(answer);
  return responseJson(answer, status, `[${item}]`, error, usage);
}

/** The name of the event that ends the stream of a response. */
export function finalEvent({ behaviour, finishReason }: Answer): string {
  if (behaviour.failsResponse) return 'response.failed';
  return finishReason === 'length' ? 'response.incomplete' : 'response.completed';
}

function responseJson(answer: Answer, status: string, output: string, error: string, usage: string): string {
  const { id, created, modelJson, request } = answer;
  const incomplete = status === 'incomplete' ? '{"reason":"max_output_tokens"}' : 'null';
  return (
    `{"id":"resp_${id}","object":"response","created_at":${created},"status":"${status}","error":${error},` +
    `"incomplete_details":${incomplete},"instructions":null,"max_output_tokens":${request.maxTokens},` +
    `"model":${modelJson},"output":${output},"parallel_tool_calls":true,"temperature":1,"tool_choice":"auto",` +
    `"tools":[],"top_p":1,"usage":${usage},"metadata":{}}`
  );
}

function responseUsageJson(answer: Answer): string {
  const { inputTokens } = answer.request;
  const { outputTokens } = answer;
  return (
    `{"input_tokens":${inputTokens},"input_tokens_details":{"cached_tokens":${cachedTokens(answer)}},` +
    `"output_tokens":${outputTokens},"output_tokens_details":{"reasoning_tokens":${reasoningTokens(answer)}},` +
    `"total_tokens":${inputTokens + outputTokens}}`
  );
}
