import type { Endpoint } from '../../body/protocol.ts';
import type { RequestFacts } from '../../body/request-body.ts';
import { upstreamBody } from '../../body/upstream-body.ts';
import type { Arrival } from '../../callers/arrival.ts';
import { UsageContextTexts } from '../../events/attribution-text.ts';
import type { Target } from '../../routing/target.ts';

/** What is sent on, to whichever target it goes. */
export interface Sendable {
  readonly arrival: Arrival;
  readonly endpoint: Endpoint;
  readonly facts: RequestFacts;
  /** The body as it was decided on. */
  readonly bytes: Buffer;
  /** The limit on the output to set upstream; null leaves alone what the body says. */
  readonly outputLimit: number | null;
}

/** Writes what each attempt sends. */
export class UpstreamRequests {
  readonly #usageContexts = new UsageContextTexts();

  /**
   * The body for one target: with its own name for the model, and with who calls where it takes that.
   *
   * @param path where it goes, below the target's base URL
   */
  body(sendable: Sendable, target: Target, path: string, attempt: number): Buffer {
    const { facts, bytes, outputLimit } = sendable;
    const ours = target.takesAttribution ? this.#attribution(sendable, attempt) : '';
    return upstreamBody(bytes, facts, ours, outputLimit, modelToName(facts, target, path));
  }

  /** What tells the upstream whom a call belongs to, each member followed by a comma. */
  #attribution({ arrival, facts }: Sendable, attempt: number): string {
    const id = `"client_request_id":"${arrival.requestId}.${attempt}",`;
    // Models of one's own take the id for their inference tables; usage is told of generated tokens alone.
    if (facts.protocol === 'custom') return id;
    return `${id}"usage_context":${this.#usageContexts.text(arrival.caller)},`;
  }
}

/** The model to name in the body; null where the body names the right one, or the target's path does. */
function modelToName(facts: RequestFacts, target: Target, path: string): string | null {
  if (facts.modelInPath) return path === target.invocationsPath ? null : target.servedModel;
  return target.servedModel === facts.model ? null : target.servedModel;
}
