import type { OutputGuard } from '@tollgate/policy';
import type { Protocol } from '../body/protocol.ts';
import { isRecord } from '../metering/reported-usage.ts';
import { AnswerTexts } from './answer-texts.ts';
import { rewriteEverything, rewriteTexts } from './any-texts.ts';
import { choiceTexts } from './chat-texts.ts';
import { withoutLogprobs } from './logprobs.ts';
import { rewriteResponse } from './response-texts.ts';

/**
 * A whole answer as it may go to the caller: the very bytes where nothing changed. Null where it can't be read, so that nobody can
 * tell what is in it. Whether it may go at all, the guard says afterwards.
 */
export function guardedBody(
  body: Buffer,
  protocol: Protocol,
  guard: OutputGuard,
  jsonContent: boolean,
): Buffer | null {
  const answer = parsed(body);
  if (answer === null) return null;
  const texts = new AnswerTexts<unknown>(guard, jsonContent);
  try {
    return rewriteAnswer(answer, protocol, texts) ? Buffer.from(JSON.stringify(answer)) : body;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function rewriteAnswer(answer: object, protocol: Protocol, texts: AnswerTexts<unknown>): boolean {
  if (protocol === 'custom' || !isRecord(answer)) return rewriteEverything(answer, texts);
  // What an invocation is answered with is told by the answer itself.
  if (protocol === 'responses' || Array.isArray(answer['output'])) return rewriteResponse(answer, texts);
  const { choices } = answer;
  const records = Array.isArray(choices) ? choices.filter(isRecord) : [];
  if (records.length === 0) return rewriteEverything(answer, texts);
  let changed = false;
  for (const choice of records) if (withoutLogprobs(choice, texts.guard)) changed = true;
  return rewriteTexts(answer, records.flatMap(choiceTexts), texts) || changed;
}

function parsed(body: Buffer): object | null {
  try {
    const answer: unknown = JSON.parse(body.toString('utf8'));
    return typeof answer === 'object' ? answer : null;
  } catch {
    return null;
  }
}
