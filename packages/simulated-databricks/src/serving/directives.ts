import type { IncomingHttpHeaders } from 'node:http';
import { SimulatedDatabricksError } from '../errors.ts';
import type { BehaviourChange } from './behaviour.ts';
import { badRequest, RefusedRequest } from './error-answers.ts';
import { parseFaults } from './faults.ts';
import type { JsonObject } from './json-object.ts';

/** Header, member of the body's `simulated` object, what it sets, and its least value. */
const NUMBERS = [
  ['x-simulated-output-tokens', 'output_tokens', 'outputTokens', 0],
  ['x-simulated-words-per-chunk', 'words_per_chunk', 'wordsPerChunk', 1],
  ['x-simulated-latency-ms', 'latency_ms', 'latencyMs', 0],
  ['x-simulated-chunk-delay-ms', 'chunk_delay_ms', 'chunkDelayMs', 0],
] as const;

const FAULT_HEADER = 'x-simulated-fault';
const MAX_NUMBER = 1_000_000;

type WritableChange = { -readonly [member in keyof BehaviourChange]: BehaviourChange[member] };

/** What the `x-simulated-…` headers ask for, or `null`. Throws `RefusedRequest`. */
export function directivesOfHeaders(headers: IncomingHttpHeaders): BehaviourChange | null {
  let change: WritableChange | null = null;
  const fault = headers[FAULT_HEADER];
  if (typeof fault === 'string') change = { ...faults(fault) };
  for (const [header, , member, least] of NUMBERS) {
    const text = headers[header];
    if (typeof text !== 'string') continue;
    change ??= {};
    change[member] = number(header, text.trim() === '' ? Number.NaN : Number(text), least);
  }
  return change;
}

/** What the body's `simulated` object asks for. Throws `RefusedRequest`. */
export function directivesOfBody(directives: JsonObject): BehaviourChange {
  const fault = directives['fault'];
  const change: WritableChange = typeof fault === 'string' ? { ...faults(fault) } : {};
  for (const [, name, member, least] of NUMBERS) {
    const value = directives[name];
    if (value !== undefined) change[member] = number(`simulated.${name}`, value, least);
  }
  return change;
}

function faults(text: string): BehaviourChange {
  try {
    return parseFaults(text);
  } catch (error) {
    if (error instanceof SimulatedDatabricksError) throw new RefusedRequest(badRequest(error.message));
    throw error;
  }
}

function number(name: string, value: unknown, least: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= MAX_NUMBER)
    return value;
  throw new RefusedRequest(badRequest(`${name}: give a whole number from ${least} to ${MAX_NUMBER}.`));
}
