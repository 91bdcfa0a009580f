import type { ErrorAnswerKind } from './error-answers.ts';

/** How an answer ends that is neither whole nor an error. */
export type Cut =
  /** TCP RST after half of the answer. */
  | 'reset'
  /** TCP FIN after half of the answer. */
  | 'close'
  /** Half of the answer, then silence for as long as the client waits. */
  | 'stall'
  /** On a stream: half of it, an error event, and its end. A whole answer becomes a 500. */
  | 'error';

/** How usage is stated in the answer, or in a stream that asked for it. */
export type UsagePlacement =
  | 'last'
  /** Before the choices of an answer; on every chunk of a stream, cumulative, and asked for or not. */
  | 'early'
  | 'absent'
  | 'null';

/** Everything that decides how one request is answered; plain data, so that faults combine by overwriting members. */
export interface Behaviour {
  /** Wait before the first byte of the answer. */
  readonly latencyMs: number;
  /** Wait between two chunks of a stream; 0 writes all chunks as fast as the client takes them. */
  readonly chunkDelayMs: number;
  readonly wordsPerChunk: number;
  /** Words the model has to say, `null`: as many as `max_tokens` allows. */
  readonly outputTokens: number | null;
  readonly answer: 'normal' | 'never' | 'reset';
  readonly error: ErrorAnswerKind | null;
  /** `Retry-After` of an error answer; `null` leaves the header away. */
  readonly retryAfterSeconds: number | null;
  readonly cut: Cut | null;
  readonly usage: UsagePlacement;
  readonly cachedTokens: number | null;
  readonly reasoningTokens: number | null;
  /** `false`: a stream ends without `data: [DONE]`. */
  readonly done: boolean;
  readonly malformed: boolean;
  /** Pieces in which the body leaves, each an HTTP chunk of its own; 0 leaves the bytes together. */
  readonly splitBytes: number;
  /** The body leaves in two pieces, parted in the middle of its usage. */
  readonly straddleUsage: boolean;
  readonly contentParts: boolean;
  /** The text quotes a usage block, which a reader of the tail must not take for the real one. */
  readonly misleadingText: boolean;
  /** A response that says of itself that it failed, after all its words. */
  readonly failsResponse: boolean;
  /** The model named in the answer; `null`: as the endpoint says. */
  readonly servedModel: string | null;
}

export const PLAIN: Behaviour = Object.freeze({
  latencyMs: 0,
  chunkDelayMs: 0,
  wordsPerChunk: 8,
  outputTokens: null,
  answer: 'normal',
  error: null,
  retryAfterSeconds: null,
  cut: null,
  usage: 'last',
  cachedTokens: null,
  reasoningTokens: null,
  done: true,
  malformed: false,
  splitBytes: 0,
  straddleUsage: false,
  contentParts: false,
  misleadingText: false,
  failsResponse: false,
  servedModel: null,
});

/** Members of a behaviour that something changes; absent members stay as they were. */
export type BehaviourChange = Partial<Behaviour>;
