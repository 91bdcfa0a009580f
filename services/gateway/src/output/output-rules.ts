import { type CompiledOutput, OutputGuard, type Redactions } from '@tollgate/policy';
import type { Protocol } from '../body/protocol.ts';
import type { EventStream } from '../metering/event-stream.ts';
import { isRecord } from '../metering/reported-usage.ts';
import { ChatEvents } from './chat-events.ts';
import { GuardedStream } from './guarded-stream.ts';
import { ResponseEvents } from './response-events.ts';

/** What holds for the answer to one request, whichever attempt gives it. */
export class OutputRules {
  readonly #compiled: CompiledOutput | null;
  readonly #redactions: Redactions | null;
  /** Whether the request asked for an answer in JSON. */
  readonly jsonContent: boolean;

  /**
   * @param compiled the policies that look at answers; null where there are none
   * @param redactions of the request, kept for as long as it is answered; null where nothing was redacted
   */
  constructor(compiled: CompiledOutput | null, redactions: Redactions | null, jsonContent: boolean) {
    this.#compiled = compiled;
    this.#redactions = redactions;
    this.jsonContent = jsonContent;
  }

  /** For the answer of one attempt. */
  guard(): OutputGuard {
    return new OutputGuard(this.#compiled, this.#redactions);
  }

  /** The answer of one attempt as a stream. */
  stream(events: EventStream, protocol: Protocol, guard: OutputGuard): GuardedStream {
    const adapter =
      protocol === 'responses'
        ? new ResponseEvents(guard, this.jsonContent)
        : new ChatEvents(guard, this.jsonContent);
    return new GuardedStream(events, guard, adapter);
  }
}

/** Whether a request asks for content in JSON (`response_format`, or `text.format` of the Responses API). */
export function asksForJson(body: Readonly<Record<string, unknown>>): boolean {
  const { response_format: format, text } = body;
  return isJsonFormat(format) || (isRecord(text) && isJsonFormat(text['format']));
}

function isJsonFormat(format: unknown): boolean {
  return isRecord(format) && (format['type'] === 'json_object' || format['type'] === 'json_schema');
}
