import type { Quantities } from '@tollgate/events';
import { isRecord, reportedQuantities } from './reported-usage.ts';

/** What the last event of a stream of the Responses API says. */
export interface ResponseEnding {
  /** `error`: the stream broke off. `failed`: the answer says of itself that it failed. */
  readonly kind: 'completed' | 'failed' | 'error';
  readonly usage: Quantities | null;
  /** The error in the shape of an error answer's body; null where the event goes on as it came. */
  readonly error: Buffer | null;
}

/** What the events that end a stream hold and others hardly do; in texts, quotes are escaped. */
const MARKS = ['"response.completed"', '"response.incomplete"', '"response.failed"', '"error', '[DONE]'].map(
  (mark) => Buffer.from(mark),
);

const COMPLETED: ResponseEnding = { kind: 'completed', usage: null, error: null };

/** Whether one of these events may be the last of a response; searching costs a fifth of parsing. */
export function mayEndResponse(events: Buffer): boolean {
  return MARKS.some((mark) => events.includes(mark));
}

/**
 * What an event says about the end of its response; null where the stream goes on.
 *
 * @param data of the event (OpenAI API reference, "Streaming events" of Responses)
 */
export function responseEnding(data: string): ResponseEnding | null {
  if (data === '[DONE]') return COMPLETED;
  const event = parse(data);
  if (!isRecord(event)) return null;
  switch (event['type']) {
    case 'response.completed':
    case 'response.incomplete':
      return { kind: 'completed', usage: usageOf(event['response']), error: null };
    case 'response.failed':
      return { kind: 'failed', usage: usageOf(event['response']), error: null };
    case 'error':
      return errorEnding(isRecord(event['error']) ? event['error'] : event);
    case undefined:
      // Databricks' own errors have no type, and may stand where events of any protocol do.
      return isRecord(event['error']) || 'error_code' in event
        ? { kind: 'error', usage: null, error: Buffer.from(data) }
        : null;
    default:
      return null;
  }
}

function errorEnding({ message, code, param }: Readonly<Record<string, unknown>>): ResponseEnding {
  return {
    kind: 'error',
    usage: null,
    error: Buffer.from(JSON.stringify({ error: { message, code, param } })),
  };
}

function usageOf(response: unknown): Quantities | null {
  return isRecord(response) ? reportedQuantities(response['usage']) : null;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
