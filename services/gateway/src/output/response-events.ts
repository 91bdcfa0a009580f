import type { OutputGuard } from '@tollgate/policy';
import { isRecord } from '../metering/reported-usage.ts';
import { AnswerTexts } from './answer-texts.ts';
import { rewriteStrings, rewriteTexts } from './any-texts.ts';
import type { EventData, GuardedEvents, Rewritten } from './guarded-events.ts';
import { withoutLogprobs } from './logprobs.ts';
import { rewriteItem, rewritePart, rewriteResponse } from './response-texts.ts';

/** Writes the event that brings the rest of a text. */
type Origin = (rest: string) => EventData;

interface Streamed {
  readonly kind: 'prose' | 'content' | 'json';
  /** Where its last event repeats all of it. */
  readonly key: string;
}

/** The texts that come in pieces: `….delta` brings one, `….done` all of it again. */
const STREAMED: ReadonlyMap<string, Streamed> = new Map<string, Streamed>([
  ['response.output_text', { kind: 'content', key: 'text' }],
  ['response.refusal', { kind: 'prose', key: 'refusal' }],
  ['response.reasoning_text', { kind: 'prose', key: 'text' }],
  ['response.reasoning_summary_text', { kind: 'prose', key: 'text' }],
  ['response.function_call_arguments', { kind: 'json', key: 'arguments' }],
  ['response.mcp_call_arguments', { kind: 'json', key: 'arguments' }],
  ['response.custom_tool_call_input', { kind: 'prose', key: 'input' }],
  ['response.code_interpreter_call_code', { kind: 'prose', key: 'code' }],
  ['response.audio.transcript', { kind: 'prose', key: 'transcript' }],
]);

/**
 * The events of the Responses API. What is held back of a text goes out as one more delta before its `….done`; events behind that
 * count on from there (`sequence_number`). The repetitions of whole texts, down to `response.completed`, are guarded again,
 * which gives what the pieces gave.
 */
export class ResponseEvents implements GuardedEvents {
  readonly #guard: OutputGuard;
  readonly #jsonContent: boolean;
  readonly #texts: AnswerTexts<Origin>;
  /** Events that we have put in. */
  #added = 0;

  constructor(guard: OutputGuard, jsonContent: boolean) {
    this.#guard = guard;
    this.#jsonContent = jsonContent;
    this.#texts = new AnswerTexts(guard, jsonContent);
  }

  get isOverfull(): boolean {
    return this.#texts.isOverfull;
  }

  rewrite(data: EventData): Rewritten {
    const { type } = data;
    const before: EventData[] = [];
    const changed =
      typeof type === 'string' ? this.#texted(data, type, before) : rewriteStrings(data, this.#texts);
    const { sequence_number: number } = data;
    if (this.#added === 0 && before.length === 0) return { before, changed };
    if (typeof number === 'number') {
      for (const [place, event] of before.entries()) event['sequence_number'] = number + this.#added + place;
      this.#added += before.length;
      data['sequence_number'] = number + this.#added;
    }
    return { before, changed: true };
  }

  rest(): readonly EventData[] {
    return this.#texts.endAll('').map(({ origin, rest }) => origin(rest));
  }

  #texted(data: EventData, type: string, before: EventData[]): boolean {
    if (type.endsWith('.delta')) return this.#delta(data, type);
    if (type.endsWith('.done')) return this.#done(data, type, before);
    const { response, item, part } = data;
    if (isRecord(response)) {
      before.push(...this.rest());
      return this.#again((texts) => rewriteResponse(response, texts));
    }
    if (isRecord(item)) return this.#again((texts) => rewriteItem(item, texts));
    if (isRecord(part)) return this.#again((texts) => rewritePart(part, texts));
    return rewriteStrings(data, this.#texts);
  }

  #delta(data: EventData, type: string): boolean {
    const streamed = STREAMED.get(type.slice(0, -'.delta'.length));
    const { delta } = data;
    if (streamed === undefined || typeof delta !== 'string') return rewriteStrings(data, this.#texts);
    const unspelt = withoutLogprobs(data, this.#guard);
    const { item_id, output_index, content_index, summary_index } = data;
    const places = { item_id, output_index, content_index, summary_index };
    const origin = (rest: string): EventData => ({ type, sequence_number: 0, ...places, delta: rest });
    const passed = this.#texts.push(nameOf(data, type), streamed.kind, delta, origin);
    data['delta'] = passed;
    return unspelt || passed !== delta;
  }

  #done(data: EventData, type: string, before: EventData[]): boolean {
    const { item, part } = data;
    if (isRecord(item)) return this.#again((texts) => rewriteItem(item, texts));
    if (isRecord(part)) return this.#again((texts) => rewritePart(part, texts));
    const streamed = STREAMED.get(type.slice(0, -'.done'.length));
    if (streamed === undefined) return rewriteStrings(data, this.#texts);
    const unspelt = withoutLogprobs(data, this.#guard);
    const name = nameOf(data, type);
    const whole = [{ holder: data, key: streamed.key, kind: streamed.kind }];
    if (!this.#texts.has(name)) return rewriteTexts(data, whole, this.#texts) || unspelt;
    for (const { origin, rest } of this.#texts.endAll(name)) before.push(origin(rest));
    return this.#again((texts) => rewriteTexts(data, whole, texts)) || unspelt;
  }

  /** Guards whole texts that have been counted already; what only comes to light now blocks nevertheless. */
  #again(rewrite: (texts: AnswerTexts<unknown>) => boolean): boolean {
    const texts = new AnswerTexts<unknown>(this.#guard.again(), this.#jsonContent);
    const changed = rewrite(texts);
    if (texts.guard.blocked !== null && this.#guard.blocked === null)
      this.#guard.blockFor(texts.guard.blocked);
    return changed;
  }
}

/** The same for all events of one text. */
function nameOf(data: EventData, type: string): string {
  const stem = type.slice(0, type.lastIndexOf('.'));
  const { item_id, output_index, content_index, summary_index } = data;
  return `${stem} ${item_id} ${output_index} ${content_index} ${summary_index};`;
}
