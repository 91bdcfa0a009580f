import { type Answer, textJson } from '../answers.ts';
import {
  beginningJson,
  finalEvent,
  finalJson,
  itemJson,
  type OutputItem,
  outputItemOf,
  partJson,
} from './response-body.ts';

/** The typed events of one streamed response, made one by one; the last holds the whole response with its usage. */
export class ResponseStream {
  readonly #answer: Answer;
  readonly #item: OutputItem;
  #sequence = 0;
  #queue: string[];
  #stage: 'words' | 'over' = 'words';
  /** Words in the events given out so far. */
  wordsSent = 0;

  constructor(answer: Answer) {
    this.#answer = answer;
    this.#item = outputItemOf(answer);
    const begun = `"response":${beginningJson(answer)}`;
    this.#queue = [
      this.#event('response.created', begun),
      this.#event('response.in_progress', begun),
      this.#event(
        'response.output_item.added',
        `"output_index":0,"item":${itemJson(answer, this.#item, 0, 'in_progress')}`,
      ),
    ];
    if (this.#item.toolJson === null) {
      this.#queue.push(
        this.#event('response.content_part.added', `${this.#place()},"part":${partJson('""')}`),
      );
    }
  }

  /** The next event with the blank line that ends it, or `null` after the last. */
  next(): string | null {
    const queued = this.#queue.shift();
    if (queued !== undefined) return queued;
    const { behaviour, outputTokens } = this.#answer;
    if (this.#stage === 'over') return null;
    if (this.wordsSent < outputTokens) {
      const from = this.wordsSent;
      this.wordsSent = Math.min(from + behaviour.wordsPerChunk, outputTokens);
      const delta = textJson(this.#answer, from, this.wordsSent);
      return this.#event(this.#name('delta'), `${this.#place()},"delta":${delta}`);
    }
    this.#stage = 'over';
    this.#queue = this.#ending();
    return this.#queue.shift() ?? null;
  }

  #ending(): string[] {
    const answer = this.#answer;
    const text = textJson(answer, 0, answer.outputTokens);
    const isMessage = this.#item.toolJson === null;
    const done = isMessage ? `"text":${text}` : `"arguments":${text}`;
    const events = [this.#event(this.#name('done'), `${this.#place()},${done}`)];
    if (isMessage)
      events.push(this.#event('response.content_part.done', `${this.#place()},"part":${partJson(text)}`));
    const item = itemJson(answer, this.#item, answer.outputTokens, 'completed');
    events.push(this.#event('response.output_item.done', `"output_index":0,"item":${item}`));
    if (answer.behaviour.done)
      events.push(this.#event(finalEvent(answer), `"response":${finalJson(answer)}`));
    return events;
  }

  #name(what: 'delta' | 'done'): string {
    return this.#item.toolJson === null
      ? `response.output_text.${what}`
      : `response.function_call_arguments.${what}`;
  }

  #place(): string {
    const content = this.#item.toolJson === null ? ',"content_index":0,"logprobs":[]' : '';
    return `"item_id":"${this.#item.id}","output_index":0${content}`;
  }

  #event(type: string, members: string): string {
    this.#sequence += 1;
    return `event: ${type}\ndata: {"type":"${type}","sequence_number":${this.#sequence - 1},${members}}\n\n`;
  }
}
