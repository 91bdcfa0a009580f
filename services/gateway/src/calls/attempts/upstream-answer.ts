import type { Quantities } from '@tollgate/events';
import type { OutputBlock, OutputGuard } from '@tollgate/policy';
import type { RequestFacts } from '../../body/request-body.ts';
import type { AnswerStream } from '../../metering/answer-stream.ts';
import { answerUsage } from '../../metering/answer-usage.ts';
import { estimateTokens } from '../../metering/estimate.ts';
import { EventStream } from '../../metering/event-stream.ts';
import { answerTextBytes } from '../../metering/text-bytes.ts';
import { guardedBody } from '../../output/answer-body.ts';
import type { OutputRules } from '../../output/output-rules.ts';

export const NO_QUANTITIES: Quantities = Object.freeze({
  input_tokens: 0,
  output_tokens: 0,
  cached_input_tokens: 0,
  cache_creation_tokens: 0,
  reasoning_tokens: 0,
});

const NO_BYTES = Buffer.alloc(0);

/** What one upstream attempt has answered so far: a whole body that is being collected, or a stream of events. */
export class UpstreamAnswer {
  /** Null until the head of the answer has come. */
  status: number | null = null;
  contentType = 'application/json';
  retryAfter: string | undefined = undefined;
  /** Bytes of the body received. */
  bytes = 0;
  /** Set where the answer is a stream. */
  stream: AnswerStream | null = null;
  /** What its texts pass on their way to the caller; null where they pass as they are. */
  readonly guard: OutputGuard | null;

  readonly #facts: RequestFacts;
  readonly #maxBytes: number;
  readonly #output: OutputRules | null;
  /** The body as it goes out, where that is not what came. */
  #outgoing: Buffer | null = null;
  #first: Buffer | null = null;
  #rest: Buffer[] | null = null;

  /**
   * @param maxBytes the most that is held of the answer, or of one event of it
   * @param output what holds for what goes out; null where nothing does
   */
  constructor(facts: RequestFacts, maxBytes: number, output: OutputRules | null) {
    this.#facts = facts;
    this.#maxBytes = maxBytes;
    this.#output = output;
    this.guard = output === null ? null : output.guard();
  }

  /** Why the answer, or the rest of it, may not go out; null as long as it may. */
  get blocked(): OutputBlock | null {
    return this.guard === null ? null : this.guard.blocked;
  }

  begin(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
    this.status = status;
    const contentType = headers['content-type'];
    if (typeof contentType === 'string') this.contentType = contentType;
    if (status >= 300) {
      const retryAfter = headers['retry-after'];
      if (typeof retryAfter === 'string') this.retryAfter = retryAfter;
    } else if (this.contentType.startsWith('text/event-stream')) {
      const { wantsUsage, protocol } = this.#facts;
      const events = new EventStream(wantsUsage, this.#maxBytes, protocol === 'responses');
      const { guard } = this;
      this.stream =
        guard === null || this.#output === null ? events : this.#output.stream(events, protocol, guard);
    }
  }

  /** Takes a piece of the body. False where it grows beyond what is held: the answer has to be given up. */
  take(chunk: Buffer): boolean {
    this.bytes += chunk.length;
    if (this.stream !== null) return this.stream.push(chunk);
    if (this.bytes > this.#maxBytes) return false;
    if (this.#first === null) this.#first = chunk;
    else if (this.#rest === null) this.#rest = [this.#first, chunk];
    else this.#rest.push(chunk);
    return true;
  }

  /** The body as far as it was collected. */
  body(): Buffer {
    if (this.#rest !== null) {
      this.#first = Buffer.concat(this.#rest);
      this.#rest = null;
    }
    return this.#first ?? NO_BYTES;
  }

  /** Whether the whole body may go out, as far as anybody can tell; what is blocked, the guard says. */
  passesGuard(): boolean {
    if (this.guard === null || this.#output === null) return true;
    this.#outgoing = guardedBody(this.body(), this.#facts.protocol, this.guard, this.#output.jsonContent);
    return this.#outgoing !== null;
  }

  /** The body as it goes out. */
  outgoing(): Buffer {
    return this.#outgoing ?? this.body();
  }

  /** What the upstream stated; null where it stated nothing. */
  stated(): Quantities | null {
    return this.stream === null ? answerUsage(this.body()) : this.stream.usage;
  }

  /** What is taken to have been used, from sizes: the input as sent, the output as received so far. */
  estimated(): Quantities {
    const produced = this.stream === null ? answerTextBytes(this.body()) : this.stream.textBytes;
    return {
      ...NO_QUANTITIES,
      input_tokens: estimateTokens(this.#facts.inputTextBytes),
      output_tokens: estimateTokens(produced),
    };
  }
}
