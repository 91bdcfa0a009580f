import { isRecord } from '../metering/reported-usage.ts';
import type { Input } from './input.ts';
import type { Protocol } from './protocol.ts';

/** What an upper bound of a request's tokens needs besides the body's length (budgets/bounds.ts). */
export interface Extent {
  /** Answers asked for; null where that can't be read as a number. */
  readonly choices: number | null;
  /** The most output tokens of one answer by any reading of the body; null where the body sets no bound. */
  readonly outputCeiling: number | null;
  /** Whether the body names an output limit, be it null or nonsense. */
  readonly namesOutputLimit: boolean;
  /** Whether the body holds what templates write out at length: tools, functions, a response format. */
  readonly hasTools: boolean;
  /** Parts of the input that are no text. */
  readonly mediaParts: number;
  /** What those hold of the body's length as data. */
  readonly mediaBytes: number;
  /** Whether the model reads what the body does not hold: an earlier answer, a search of the upstream's own. */
  readonly hiddenInput: boolean;
}

type Body = Readonly<Record<string, unknown>>;

const PLAIN = {
  choices: 1,
  hasTools: false,
  mediaParts: 0,
  mediaBytes: 0,
  hiddenInput: false,
} as const;

const UNBOUNDED: Extent = { ...PLAIN, outputCeiling: null, namesOutputLimit: false };

/** What a body asks for at most, as its protocol reads it. */
export function extentOf(protocol: Protocol, body: Body, input: Input): Extent {
  if (protocol === 'responses') return responsesExtent(body, input);
  const first = body['max_completion_tokens'];
  const second = body['max_tokens'];
  const n = body['n'];
  const tools = body['tools'];
  const searches = body['web_search_options'] !== undefined;
  const hasTools =
    tools !== undefined || body['functions'] !== undefined || body['response_format'] !== undefined;
  const namesOutputLimit = first !== undefined || second !== undefined;
  const completes = protocol === 'completions';
  if (!namesOutputLimit && !hasTools && !searches && !completes && input.media.parts === 0 && n === undefined)
    return UNBOUNDED;
  return {
    choices: completes ? completionChoices(n, body['best_of'], input.count) : choicesRead(n),
    outputCeiling: ceilingOf(first, second),
    namesOutputLimit,
    hasTools,
    mediaParts: input.media.parts,
    mediaBytes: input.media.bytes,
    hiddenInput: searches || input.hidden,
  };
}

function responsesExtent(body: Body, input: Input): Extent {
  const limit = body['max_output_tokens'];
  const tools = body['tools'];
  return {
    choices: 1,
    outputCeiling: ceilingOf(limit, undefined),
    namesOutputLimit: limit !== undefined,
    hasTools: tools !== undefined || body['text'] !== undefined,
    mediaParts: input.media.parts,
    mediaBytes: input.media.bytes,
    hiddenInput: input.hidden || (Array.isArray(tools) && tools.some(isRunUpstream)),
  };
}

/** Tools whose results come back in the next request, rather than from the upstream within this one. */
const CALLERS_TOOLS: ReadonlySet<unknown> = new Set(['function', 'custom']);

function isRunUpstream(tool: unknown): boolean {
  return isRecord(tool) && !CALLERS_TOOLS.has(tool['type']);
}

/** Every prompt is answered `n` times; `best_of` of each are generated, and paid for, to choose from. */
function completionChoices(n: unknown, bestOf: unknown, prompts: number): number | null {
  const answers = choicesRead(n);
  const candidates = choicesRead(bestOf);
  return answers === null || candidates === null ? null : Math.max(answers, candidates) * prompts;
}

function choicesRead(n: unknown): number | null {
  return n === undefined || n === null ? 1 : tokenLimit(n);
}

/** The greater of two limits; null where there is none, or one that an upstream may read differently. */
function ceilingOf(first: unknown, second: unknown): number | null {
  const most = Math.max(limitRead(first), limitRead(second));
  return most >= 0 ? most : null;
}

/** -1: none given; NaN: one that can't be read. */
function limitRead(value: unknown): number {
  return value === undefined || value === null ? -1 : (tokenLimit(value) ?? Number.NaN);
}

/** A count of tokens or answers; null for anything else. */
export function tokenLimit(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
