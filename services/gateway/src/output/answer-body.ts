import type { OutputGuard } from '@tollgate/policy';
import type { Protocol } from '../body/protocol.ts';
import { isRecord } from '../metering/reported-usage.ts';
import { AnswerTexts } from './answer-texts.ts';
import { rewriteStrings } from './any-texts.ts';
import { withoutLogprobs } from './chat-events.ts';
import { messageTexts } from './chat-texts.ts';
import { rewriteResponse, rewriteWhole } from './response-texts.ts';

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
  if (protocol === 'embeddings') return false;
  if (protocol === 'custom') return rewriteStrings(answer, texts);
  if (!isRecord(answer)) return false;
  // What an invocation is answered with is told by the answer itself.
  let changed = rewriteResponse(answer, texts);
  const { choices } = answer;
  if (!Array.isArray(choices)) return changed;
  for (const choice of choices) if (isRecord(choice) && rewriteChoice(choice, texts)) changed = true;
  return changed;
}

function rewriteChoice(choice: Record<string, unknown>, texts: AnswerTexts<unknown>): boolean {
  let changed = withoutLogprobs(choice, texts.guard);
  if (rewriteWhole(choice, 'text', 'content', texts)) changed = true;
  const { message } = choice;
  if (!isRecord(message)) return changed;
  for (const { holder, key, kind } of messageTexts(message)) {
    if (rewriteWhole(holder, key, kind, texts)) changed = true;
  }
  return changed;
}

function parsed(body: Buffer): object | null {
  try {
    const answer: unknown = JSON.parse(body.toString('utf8'));
    return typeof answer === 'object' ? answer : null;
  } catch {
    return null;
  }
}
