import { type Answer, contentJson, headMembers, textJson, usageJson, usageMember } from './answers.ts';

const DONE = 'data: [DONE]\n\n';

/**
 * The server-sent events of one streamed answer, made one by one: chunks of words, the chunk with the finish reason,
 * usage in a chunk without choices if the client asked for it, `[DONE]`.
 */
export class EventStream {
  readonly #answer: Answer;
  readonly #head: string;
  readonly #usageOnChunks: string | null;
  #stage: 'words' | 'finish' | 'usage' | 'done' | 'over' = 'words';
  /** Words in the events given out so far. */
  wordsSent = 0;

  constructor(answer: Answer) {
    this.#answer = answer;
    const object = answer.request.task === 'chat' ? 'chat.completion.chunk' : 'text_completion';
    this.#head = `data: {${headMembers(answer, object)},"choices":`;
    // A stream that will end with its usage says null before; one that states it early says it on every chunk.
    const early = answer.behaviour.usage === 'early';
    this.#usageOnChunks = early ? null : answer.request.includeUsage ? ',"usage":null' : '';
  }

  /** The next event with the blank line that ends it, or `null` after the last. */
  next(): string | null {
    const { request, behaviour, outputTokens, finishReason } = this.#answer;
    if (this.#stage === 'words' && this.wordsSent < outputTokens) return this.#words();
    switch (this.#stage) {
      case 'words':
      case 'finish':
        this.#stage = 'usage';
        return this.#chunk(this.#lastDelta(), `"${finishReason}"`);
      case 'usage':
        this.#stage = 'done';
        if (request.includeUsage && behaviour.usage !== 'absent') {
          const usage = usageMember(behaviour, usageJson(this.#answer, outputTokens));
          return `${this.#head}[]${usage}}\n\n`;
        }
        return this.next();
      case 'done':
        this.#stage = 'over';
        return behaviour.done ? DONE : null;
      case 'over':
        return null;
    }
  }

  #words(): string {
    const { behaviour, outputTokens } = this.#answer;
    const from = this.wordsSent;
    const to = Math.min(from + behaviour.wordsPerChunk, outputTokens);
    this.wordsSent = to;
    const tool = this.#answer.said?.tool ?? null;
    const delta =
      tool === null ? this.#delta(contentJson(this.#answer, from, to)) : this.#call(tool, from, to);
    const chunk = this.#chunk(delta, 'null');
    // One broken chunk, the first, among good ones.
    return behaviour.malformed && from === 0 ? `${chunk.slice(0, chunk.length / 2)}\n\n` : chunk;
  }

  #delta(content: string): string {
    return this.#answer.request.task === 'chat'
      ? `"delta":{"role":"assistant","content":${content}}`
      : `"text":${content}`;
  }

  #lastDelta(): string {
    return (this.#answer.said?.tool ?? null) === null ? this.#delta('""') : '"delta":{}';
  }

  /** A piece of a tool's arguments; the first one names the call. */
  #call(tool: string, from: number, to: number): string {
    const { id } = this.#answer;
    const named = from > 0 ? '' : `"id":"call_${id}","type":"function",`;
    const name = from > 0 ? '' : `"name":${JSON.stringify(tool)},`;
    const role = from > 0 ? '' : '"role":"assistant","content":null,';
    const called = `{"index":0,${named}"function":{${name}"arguments":${textJson(this.#answer, from, to)}}}`;
    return `"delta":{${role}"tool_calls":[${called}]}`;
  }

  #chunk(delta: string, finishReason: string): string {
    const usage = this.#usageOnChunks ?? `,"usage":${usageJson(this.#answer, this.wordsSent)}`;
    return `${this.#head}[{"index":0,${delta},"finish_reason":${finishReason}}]${usage}}\n\n`;
  }
}
