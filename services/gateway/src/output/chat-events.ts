import type { OutputGuard } from '@tollgate/policy';
import { isRecord } from '../metering/reported-usage.ts';
import { AnswerTexts, type PlacedText } from './answer-texts.ts';
import { rewriteOthers, rewriteTexts } from './any-texts.ts';
import { isReasoning, type MessageText, messageTexts, REASONING_NAMES } from './chat-texts.ts';
import type { EventData, GuardedEvents, Rewritten } from './guarded-events.ts';
import { withoutLogprobs } from './logprobs.ts';

const NOTHING = {};

/** Writes the choice that brings the rest of a text. */
type Origin = (rest: string) => EventData;

/**
 * The chunks of chat completions (`choices[i].delta`) and of completions (`choices[i].text`). Each text of each choice has a
 * window of its own; what is held back goes out before the chunk with the choice's `finish_reason`.
 */
export class ChatEvents implements GuardedEvents {
  readonly #texts: AnswerTexts<Origin>;
  readonly #guard: OutputGuard;
  /** What chunks of this stream have in common, to write more of them. */
  #common: EventData = {};

  constructor(guard: OutputGuard, jsonContent: boolean) {
    this.#guard = guard;
    this.#texts = new AnswerTexts(guard, jsonContent);
  }

  get isOverfull(): boolean {
    return this.#texts.isOverfull;
  }

  rewrite(data: EventData): Rewritten {
    const { choices } = data;
    const records = Array.isArray(choices) ? choices.filter(isRecord) : [];
    let changed = false;
    for (const choice of records) if (withoutLogprobs(choice, this.#guard)) changed = true;
    const pieces = records.map(({ delta }) => (isRecord(delta) ? messageTexts(delta) : []));
    const wholes = records.flatMap(({ message }) => (isRecord(message) ? messageTexts(message) : []));
    const own = records.map((holder): PlacedText => ({ holder, key: 'text', kind: 'content' }));
    if (rewriteOthers(data, [...pieces.flat(), ...wholes, ...own], this.#texts)) changed = true;
    for (const whole of wholes) if (rewriteTexts(NOTHING, [whole], this.#texts)) changed = true;
    if (records.length === 0) return { before: [], changed };
    const { choices: _, usage: __, ...common } = data;
    this.#common = common;
    const before: EventData[] = [];
    for (const [place, choice] of records.entries()) {
      if (this.#choice(choice, place, pieces[place] ?? [], before)) changed = true;
    }
    return { before, changed };
  }

  rest(): readonly EventData[] {
    return this.#texts.endAll('').map(({ origin, rest }) => this.#chunk(origin(rest)));
  }

  /** Whether the choice is not what it was. */
  #choice(
    choice: Record<string, unknown>,
    place: number,
    pieces: readonly MessageText[],
    before: EventData[],
  ): boolean {
    const index = typeof choice['index'] === 'number' ? choice['index'] : place;
    let changed = false;
    const take = (holder: Record<string, unknown>, key: string, passed: string): void => {
      if (holder[key] === passed) return;
      holder[key] = passed;
      changed = true;
    };
    const { text } = choice;
    if (typeof text === 'string') {
      const origin = (rest: string): EventData => ({ index, text: rest, finish_reason: null });
      take(choice, 'text', this.#texts.push(`${index} text`, 'content', text, origin));
    }
    for (const { name, kind, holder, key, deltaOf } of pieces) {
      if (!isReasoning(name)) this.#endReasoning(index, before);
      const origin = (rest: string): EventData => ({ index, delta: deltaOf(rest), finish_reason: null });
      take(holder, key, this.#texts.push(`${index} ${name}`, kind, String(holder[key]), origin));
    }
    const finished = choice['finish_reason'] !== null && choice['finish_reason'] !== undefined;
    if (finished && this.#finish(choice, index, before)) changed = true;
    return changed;
  }

  /** Ends the texts of a choice. Whether its last chunk changes by that. */
  #finish(choice: Record<string, unknown>, index: number, before: EventData[]): boolean {
    const rests = this.#texts.endAll(`${index} `);
    let changed = false;
    // What this chunk itself brings comes before what was held back of it.
    const ahead = rests.length === 0 ? null : aheadOf(choice);
    if (ahead !== null) {
      before.push(this.#chunk(ahead));
      changed = true;
    }
    for (const { origin, rest } of rests) before.push(this.#chunk(origin(rest)));
    if (this.#guard.blocked === null) return changed;
    choice['finish_reason'] = null;
    return true;
  }

  #endReasoning(index: number, before: EventData[]): void {
    for (const name of REASONING_NAMES) {
      if (!this.#texts.has(`${index} ${name}`)) continue;
      for (const { origin, rest } of this.#texts.endAll(`${index} ${name}`)) {
        before.push(this.#chunk(origin(rest)));
      }
    }
  }

  #chunk(choice: EventData): EventData {
    return { ...this.#common, choices: [choice] };
  }
}

/** Takes what a last chunk brings out of it, to be sent ahead; null where it brings nothing. */
function aheadOf(choice: Record<string, unknown>): EventData | null {
  const { index, delta, text } = choice;
  if (typeof text === 'string' && text !== '') {
    choice['text'] = '';
    return { index, text, finish_reason: null };
  }
  if (!isRecord(delta) || Object.keys(delta).length === 0) return null;
  choice['delta'] = {};
  return { index, delta, finish_reason: null };
}
