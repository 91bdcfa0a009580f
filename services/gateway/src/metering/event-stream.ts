import type { Quantities } from '@tollgate/events';
import type { AnswerStream } from './answer-stream.ts';
import { isRecord, reportedQuantities } from './reported-usage.ts';
import { mayEndResponse, responseEnding } from './response-events.ts';
import { responsesTextBytes, streamedTextBytes } from './text-bytes.ts';

const LF = 0x0a;
const CR = 0x0d;
const USAGE = Buffer.from('"usage"');
const DONE = Buffer.from('[DONE]');
const ERROR = Buffer.from('"error');
const BLANK_LF = Buffer.from('\n\n');
const BLANK_CRLF = Buffer.from('\n\r\n');

/**
 * What passes of one upstream event stream to the caller, and what it says about usage.
 *
 * Chunks go in as they arrive, however cut; whole events come out. An event that is not whole yet is held back, so
 * that the usage event is found wherever chunks were cut and an error event of ours never lands within another one.
 * Events that mention neither usage nor an end are passed on unparsed. `[DONE]` is held until the owner of this
 * object has accounted for the answer; an error event is left to it, too.
 *
 * Known limit: lines that end in a lone CR are not seen as lines; such a stream is held to its end.
 */
export class EventStream implements AnswerStream {
  /** The latest usage the upstream stated. */
  usage: Quantities | null = null;
  /** Bytes received. */
  bytes = 0;
  /** Bytes of produced text seen so far, for estimates. */
  textBytes = 0;
  /** The end event as it came; null until then. Nothing after it is passed on. */
  done: Buffer | null = null;
  /** The data of an error event that the upstream ended the stream with; not passed on as it is. */
  error: Buffer | null = null;

  /** Whether the last event, which does go on, says that the answer failed. */
  failed = false;

  readonly #callerWantsUsage: boolean;
  readonly #typed: boolean;
  readonly #maxEventBytes: number;
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #ready: Buffer[] = [];

  /**
   * @param maxEventBytes the most that is held back for one event
   * @param typed whether these are the events of the Responses API: each names its type, the last one holds the usage,
   *   and no `[DONE]` follows it
   */
  constructor(callerWantsUsage: boolean, maxEventBytes: number, typed = false) {
    this.#callerWantsUsage = callerWantsUsage;
    this.#typed = typed;
    this.#maxEventBytes = maxEventBytes;
  }

  /** Takes a chunk. False where one event grew beyond what may be held back: the stream has to be given up. */
  push(chunk: Buffer): boolean {
    this.bytes += chunk.length;
    if (this.ended) return true;
    if (this.#partialBytes > 0 && !chunk.includes(LF)) return this.#hold(chunk);
    const block = this.#partialBytes === 0 ? chunk : this.#joined(chunk);
    const end = wholeEventsEnd(block);
    if (end > 0) this.#pass(end === block.length ? block : block.subarray(0, end));
    return end === block.length || this.#hold(block.subarray(end));
  }

  /** The upstream ended: what was held back is as whole as it will be. */
  end(): void {
    if (this.#partialBytes > 0 && !this.ended) this.#pass(this.#joined(Buffer.alloc(0)));
  }

  /** Whether the upstream has said its last, be it the end event or an error. */
  get ended(): boolean {
    return this.done !== null || this.error !== null;
  }

  /** Whether {@link take} would give anything. */
  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** Everything that may go to the caller by now, in one piece; null where there is nothing. */
  take(): Buffer | null {
    const ready = this.#ready;
    if (ready.length === 0) return null;
    this.#ready = [];
    return ready.length === 1 ? (ready[0] ?? null) : Buffer.concat(ready);
  }

  #hold(chunk: Buffer): boolean {
    if (chunk.length > 0) this.#partial.push(chunk);
    this.#partialBytes += chunk.length;
    return this.#partialBytes <= this.#maxEventBytes;
  }

  #joined(chunk: Buffer): Buffer {
    const joined = Buffer.concat([...this.#partial, chunk]);
    this.#partial = [];
    this.#partialBytes = 0;
    return joined;
  }

  #pass(block: Buffer): void {
    this.textBytes += this.#typed ? responsesTextBytes(block) : streamedTextBytes(block);
    if (!this.#maySay(block)) {
      this.#ready.push(block);
      return;
    }
    let start = 0;
    let kept = 0;
    while (start < block.length) {
      const end = firstEventEnd(block, start);
      if (!this.#passes(block.subarray(start, end))) {
        if (start > kept) this.#ready.push(block.subarray(kept, start));
        if (this.ended) return;
        kept = end;
      }
      start = end;
    }
    if (kept < block.length) this.#ready.push(kept === 0 ? block : block.subarray(kept));
  }

  /** Whether events may say something about usage or the end. */
  #maySay(events: Buffer): boolean {
    if (this.#typed) return mayEndResponse(events);
    return mentionsUsage(events) || events.includes(DONE) || events.includes(ERROR);
  }

  #passesTyped(event: Buffer): boolean {
    const ending = mayEndResponse(event) ? responseEnding(eventData(event)) : null;
    if (ending === null) return true;
    this.usage = ending.usage;
    this.failed = ending.kind === 'failed';
    if (ending.error === null) this.done = event;
    else this.error = ending.error;
    return false;
  }

  /** Whether an event goes to the caller; notes what it says about usage and the end. */
  #passes(event: Buffer): boolean {
    if (this.#typed) return this.#passesTyped(event);
    const usage = mentionsUsage(event);
    const error = event.includes(ERROR);
    if (!usage && !error && !event.includes(DONE)) return true;
    const data = eventData(event);
    if (data === '[DONE]') {
      this.done = event;
      return false;
    }
    const chunk = usage || error ? parse(data) : null;
    if (!isRecord(chunk)) return true;
    const choices = chunk['choices'];
    if (!Array.isArray(choices) && (isRecord(chunk['error']) || 'error_code' in chunk)) {
      this.error = Buffer.from(data);
      return false;
    }
    const quantities = reportedQuantities(chunk['usage']);
    if (quantities === null) return true;
    this.usage = quantities;
    return this.#callerWantsUsage || !Array.isArray(choices) || choices.length > 0;
  }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

/** Whether events may hold usage; `"usage":null`, which some upstreams put into every chunk, does not. */
function mentionsUsage(events: Buffer): boolean {
  let at = events.indexOf(USAGE);
  while (at >= 0) {
    let i = at + USAGE.length;
    while (events[i] === 0x20) i += 1;
    if (events[i] === 0x3a) i += 1;
    while (events[i] === 0x20) i += 1;
    if (events[i] !== 0x6e) return true;
    at = events.indexOf(USAGE, i);
  }
  return false;
}

/** The event's `data` lines, joined (WHATWG HTML, "server-sent events"). */
export function eventData(event: Buffer): string {
  const text = event.toString('utf8');
  // As nearly all are: one line.
  if (text.startsWith('data: ') && text.indexOf('\n') === text.length - 2) return text.slice(6).trim();
  return text
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trim())
    .join('\n');
}

/** Past the last blank line: everything before is whole events. 0 where there is none. */
function wholeEventsEnd(block: Buffer): number {
  const n = block.length;
  if (n >= 2 && block[n - 1] === LF) {
    if (block[n - 2] === LF) return n;
    if (n >= 3 && block[n - 2] === CR && block[n - 3] === LF) return n;
  }
  const lf = block.lastIndexOf(BLANK_LF);
  const crlf = block.lastIndexOf(BLANK_CRLF);
  return Math.max(lf < 0 ? 0 : lf + BLANK_LF.length, crlf < 0 ? 0 : crlf + BLANK_CRLF.length);
}

/** Past the first blank line from `start` on; the end of the block where there is none. */
export function firstEventEnd(block: Buffer, start: number): number {
  const lf = block.indexOf(BLANK_LF, start);
  const crlf = block.indexOf(BLANK_CRLF, start);
  if (lf < 0 && crlf < 0) return block.length;
  if (crlf < 0 || (lf >= 0 && lf < crlf)) return lf + BLANK_LF.length;
  return crlf + BLANK_CRLF.length;
}
