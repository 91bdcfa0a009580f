import { SimulatedDatabricksError } from '../errors.ts';
import type { BehaviourChange } from './behaviour.ts';
import type { ErrorAnswerKind } from './error-answers.ts';

/** The parameters written behind a fault's name, as text. */
type Parameters = ReadonlyMap<string, string>;

interface Fault {
  /** The names of the parameters that it takes. */
  readonly parameters: readonly string[];
  readonly change: (parameters: Parameters) => BehaviourChange;
}

const MAX_FAULT_TEXT_CHARS = 1_000;
const MAX_CACHED_TEXTS = 1_000;
const DEFAULT_RETRY_AFTER_SECONDS = 1;

function wholeNumber(parameters: Parameters, name: string, otherwise: number): number {
  const text = parameters.get(name);
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new SimulatedDatabricksError(
    'bad-fault-parameter',
    `${name}=${text}: give a whole number of zero or more, for example ${name}=${otherwise}.`,
  );
}

function refusing(error: ErrorAnswerKind): Fault {
  return { parameters: [], change: () => ({ error }) };
}

function refusingUntil(error: ErrorAnswerKind): Fault {
  return {
    parameters: ['retry_after_s'],
    change: (given) => ({
      error,
      retryAfterSeconds: wholeNumber(given, 'retry_after_s', DEFAULT_RETRY_AFTER_SECONDS),
    }),
  };
}

function always(change: BehaviourChange): Fault {
  return { parameters: [], change: () => change };
}

/** Every fault by its name; README.md tells what each looks like on the wire. */
const FAULTS = {
  'rate-limit': refusingUntil('rate-limit'),
  'rate-limit-detailed': refusingUntil('rate-limit-detailed'),
  'bad-request': refusing('bad-request'),
  'context-length': refusing('context-length'),
  'guardrail-block': refusing('guardrail-block'),
  'safety-block': refusing('safety-block'),
  'endpoint-missing': refusing('endpoint-missing'),
  'permission-denied': refusing('permission-denied'),
  'internal-error': refusing('internal-error'),
  'bad-gateway': refusing('bad-gateway'),
  'html-error': refusing('html-error'),
  unavailable: refusingUntil('unavailable'),
  'scaling-up': refusingUntil('scaling-up'),
  'upstream-timeout': refusing('upstream-timeout'),
  'no-answer': always({ answer: 'never' }),
  latency: { parameters: ['ms'], change: (given) => ({ latencyMs: wholeNumber(given, 'ms', 1_000) }) },
  'slow-chunks': {
    parameters: ['ms', 'words'],
    change: (given) => ({
      chunkDelayMs: wholeNumber(given, 'ms', 100),
      wordsPerChunk: Math.max(1, wholeNumber(given, 'words', 1)),
    }),
  },
  'reset-before-answer': always({ answer: 'reset' }),
  'reset-mid-answer': always({ cut: 'reset' }),
  'close-mid-answer': always({ cut: 'close' }),
  'stall-mid-answer': always({ cut: 'stall' }),
  'error-mid-stream': always({ cut: 'error' }),
  'missing-usage': always({ usage: 'absent' }),
  'null-usage': always({ usage: 'null' }),
  'early-usage': always({ usage: 'early' }),
  'missing-done': always({ done: false }),
  'malformed-json': always({ malformed: true }),
  'split-bytes': {
    parameters: ['bytes'],
    change: (given) => ({ splitBytes: Math.max(1, wholeNumber(given, 'bytes', 7)) }),
  },
  'straddle-usage': always({ straddleUsage: true }),
  'content-parts': always({ contentParts: true }),
  'response-failed': always({ failsResponse: true }),
  'misleading-text': always({ misleadingText: true }),
  'token-details': {
    parameters: ['cached', 'reasoning'],
    change: (given) => ({
      cachedTokens: wholeNumber(given, 'cached', 1),
      reasoningTokens: wholeNumber(given, 'reasoning', 1),
    }),
  },
  'other-model': {
    parameters: ['model'],
    change: (given) => ({ servedModel: given.get('model') ?? 'redirected-model' }),
  },
} satisfies Readonly<Record<string, Fault>>;

/** A fault that can be asked for. */
export type FaultKind = keyof typeof FAULTS;

/** The names of all faults, in the order of README.md. */
export const FAULT_KINDS: readonly string[] = Object.keys(FAULTS);

const CATALOGUE: ReadonlyMap<string, Fault> = new Map<string, Fault>(Object.entries(FAULTS));
const cache = new Map<string, BehaviourChange>();

/**
 * Reads `kind;parameter=value, kind, …`; later faults overwrite what earlier ones set.
 * Throws `unknown-fault` or `bad-fault-parameter`.
 */
export function parseFaults(text: string): BehaviourChange {
  const known = cache.get(text);
  if (known !== undefined) return known;
  if (text.length > MAX_FAULT_TEXT_CHARS) {
    throw new SimulatedDatabricksError(
      'unknown-fault',
      `A fault takes at most ${MAX_FAULT_TEXT_CHARS} characters.`,
    );
  }
  const change = Object.assign({}, ...text.split(',').map((one) => parseFault(one.trim())));
  if (cache.size >= MAX_CACHED_TEXTS) cache.clear();
  cache.set(text, change);
  return change;
}

function parseFault(text: string): BehaviourChange {
  const [kind = '', ...assignments] = text.split(';').map((part) => part.trim());
  const fault = CATALOGUE.get(kind);
  if (fault === undefined) {
    throw new SimulatedDatabricksError(
      'unknown-fault',
      `No fault is called "${kind}". Known: ${FAULT_KINDS.join(', ')}.`,
    );
  }
  const parameters = new Map<string, string>();
  for (const assignment of assignments) {
    const at = assignment.indexOf('=');
    const name = at < 0 ? assignment : assignment.slice(0, at).trim();
    if (at < 0 || !fault.parameters.includes(name)) {
      const taken =
        fault.parameters.length === 0 ? 'none' : fault.parameters.map((each) => `${each}=…`).join(', ');
      throw new SimulatedDatabricksError(
        'bad-fault-parameter',
        `${kind} does not take "${assignment}"; it takes ${taken}.`,
      );
    }
    parameters.set(name, assignment.slice(at + 1).trim());
  }
  return fault.change(parameters);
}

const FAULTY_MODEL_PREFIX = 'simulated-';

/** The fault that a model name such as `simulated-rate-limit` stands for, or `null` for any other name. */
export function faultOfModel(name: string): BehaviourChange | null {
  if (!name.startsWith(FAULTY_MODEL_PREFIX)) return null;
  const kind = name.slice(FAULTY_MODEL_PREFIX.length);
  return CATALOGUE.has(kind) ? parseFaults(kind) : null;
}
