import type { OutputGuard } from '@tollgate/policy';
import { isRecord } from '../metering/reported-usage.ts';
import { AnswerTexts } from './answer-texts.ts';
import { rewriteStrings } from './any-texts.ts';
import { isReasoning, messageTexts, REASONING_NAMES } from './chat-texts.ts';
import { type EventData, type GuardedEvents, type Rewritten, UNCHANGED } from './guarded-events.ts';

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
    if (!Array.isArray(choices)) return { before: [], changed: rewriteStrings(data, this.#texts) };
    if (choices.length === 0) return UNCHANGED;
    const { choices: _, usage: __, ...common } = data;
    this.#common = common;
    const before: EventData[] = [];
    let changed = false;
    for (const [place, choice] of choices.entries()) {
      if (isRecord(choice) && this.#choice(choice, place, before)) changed = true;
    }
    return { before, changed };
  }

  rest(): readonly EventData[] {
    return this.#texts.endAll('').map(({ origin, rest }) => this.#chunk(origin(rest)));
  }

  /** Whether the choice is not what it was. */
  #choice(choice: Record<string, unknown>, place: number, before: EventData[]): boolean {
    const index = typeof choice['index'] === 'number' ? choice['index'] : place;
    let changed = withoutLogprobs(choice, this.#guard);
    const take = (holder: Record<string, unknown>, key: string, passed: string): void => {
      if (holder[key] === passed) return;
      holder[key] = passed;
      changed = true;
    };
    const { delta, text } = choice;
    if (typeof text === 'string') {
      const origin = (rest: string): EventData => ({ index, text: rest, finish_reason: null });
      take(choice, 'text', this.#texts.push(`${index} text`, 'content', text, origin));
    }
    if (isRecord(delta)) {
      for (const { name, kind, holder, key, deltaOf } of messageTexts(delta)) {
        if (!isReasoning(name)) this.#endReasoning(index, before);
        const origin = (rest: string): EventData => ({ index, delta: deltaOf(rest), finish_reason: null });
        take(holder, key, this.#texts.push(`${index} ${name}`, kind, String(holder[key]), origin));
      }
    }
    if (choice['finish_reason'] === null || choice['finish_reason'] === undefined) return changed;
    // This chunk's own pieces have their places in it; so they go out before it, with what was held back.
    const rests = this.#texts.endAll(`${index} `);
    if (rests.length > 0) {
      const ahead = aheadOf(choice);
      if (ahead !== null) {
        before.push(this.#chunk(ahead));
        changed = true;
      }
      for (const { origin, rest } of rests) before.push(this.#chunk(origin(rest)));
    }
    if (this.#guard.blocked !== null) {
      choice['finish_reason'] = null;
      changed = true;
    }
    return changed;
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

/** Tokens with their probabilities would spell out what was redacted. Whether there were any. */
export function withoutLogprobs(holder: Record<string, unknown>, guard: OutputGuard): boolean {
  if (!guard.looks || holder['logprobs'] === null || holder['logprobs'] === undefined) return false;
  holder['logprobs'] = null;
  return true;
}
