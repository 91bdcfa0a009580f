import { isRecord } from '../metering/reported-usage.ts';

/** What was called, as events name it. */
export type Endpoint = 'chat.completions' | 'completions' | 'embeddings' | 'responses' | 'invocations';

/** How a body and its answer are laid out. `custom`: rows for an MLflow model, which have neither tokens nor a stream. */
export type Protocol = 'chat' | 'completions' | 'embeddings' | 'responses' | 'custom';

/** What the path of a request asks for. */
export interface Inference {
  readonly endpoint: Endpoint;
  /** The model that the path names; null: the body names it. */
  readonly modelInPath: string | null;
}

/** Members that hold the rows of an MLflow model (its scoring protocol), of which a body has one. */
export const ROW_MEMBERS = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const;

/**
 * The protocol of a body; null where an invocation's body is none of those known. Every other endpoint has one
 * protocol of its own.
 */
export function protocolOf(endpoint: Endpoint, body: Readonly<Record<string, unknown>>): Protocol | null {
  switch (endpoint) {
    case 'chat.completions':
      return 'chat';
    case 'invocations':
      return invocationProtocol(body);
    default:
      return endpoint;
  }
}

/** Known limit: one text as `input` is taken for what is to be embedded, though agents could be asked so, too. */
function invocationProtocol(body: Readonly<Record<string, unknown>>): Protocol | null {
  if (body['messages'] !== undefined) return 'chat';
  if (body['prompt'] !== undefined) return 'completions';
  const input = body['input'];
  if (input !== undefined) return Array.isArray(input) && isRecord(input[0]) ? 'responses' : 'embeddings';
  return ROW_MEMBERS.some((name) => body[name] !== undefined) ? 'custom' : null;
}

/** Whether a stream of the protocol states usage only where `stream_options.include_usage` asks for it. */
export function streamsUsageOnRequest(protocol: Protocol): boolean {
  return protocol === 'chat' || protocol === 'completions';
}

/** Whether the answer is generated text, which can be limited in length. */
export function generates(protocol: Protocol): boolean {
  return protocol !== 'embeddings' && protocol !== 'custom';
}
