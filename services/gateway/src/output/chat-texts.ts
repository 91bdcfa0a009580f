import { isRecord } from '../metering/reported-usage.ts';
import type { PlacedText, TextKind } from './answer-texts.ts';

/** One text, or a piece of one, in a message or in the delta of one. */
export interface MessageText extends PlacedText {
  /** The same for all pieces of one text. */
  readonly name: string;
  /** The delta that would bring more of this text. */
  readonly deltaOf: (rest: string) => Record<string, unknown>;
}

/** Members with what a model thinks before it answers, as providers call them. */
const REASONING: readonly string[] = ['reasoning_content', 'reasoning', 'thinking'];

/**
 * The texts of a message of chat completions, or of a delta of one: content as a string or in parts, reasoning under the names
 * that providers give it, refusals, what was said aloud, and the arguments of tool calls. Signatures and ids are none.
 */
export function messageTexts(message: Record<string, unknown>): MessageText[] {
  const texts: MessageText[] = [];
  for (const key of REASONING) addMember(texts, message, key, key, 'prose');
  addMember(texts, message, 'content', 'content', 'content');
  const { content } = message;
  if (Array.isArray(content)) for (const part of content) addPart(texts, part);
  addMember(texts, message, 'refusal', 'refusal', 'prose');
  const { audio } = message;
  if (isRecord(audio))
    addNested(texts, audio, 'transcript', 'audio', 'prose', (rest) => ({ audio: { transcript: rest } }));
  const { function_call: called, tool_calls: calls } = message;
  if (isRecord(called)) {
    addNested(texts, called, 'arguments', 'function_call', 'json', (rest) => ({
      function_call: { arguments: rest },
    }));
  }
  if (Array.isArray(calls)) for (const [place, call] of calls.entries()) addCall(texts, call, place);
  return texts;
}

/** The texts of one choice of a whole answer. */
export function choiceTexts(choice: Record<string, unknown>): PlacedText[] {
  const { message, text } = choice;
  const texts: PlacedText[] = isRecord(message) ? messageTexts(message) : [];
  if (typeof text === 'string') texts.push({ kind: 'content', holder: choice, key: 'text' });
  return texts;
}

/** Whether a text is what a model thinks: it is over as soon as another one begins. */
export function isReasoning(name: string): boolean {
  return REASONING.includes(name) || name === 'summary';
}

/** The names under which reasoning may be open. */
export const REASONING_NAMES: readonly string[] = [...REASONING, 'summary'];

function addMember(
  texts: MessageText[],
  holder: Record<string, unknown>,
  key: string,
  name: string,
  kind: TextKind,
): void {
  addNested(texts, holder, key, name, kind, (rest) => ({ [key]: rest }));
}

function addNested(
  texts: MessageText[],
  holder: Record<string, unknown>,
  key: string,
  name: string,
  kind: TextKind,
  deltaOf: MessageText['deltaOf'],
): void {
  const value = holder[key];
  if (typeof value === 'string' && value !== '') texts.push({ name, kind, holder, key, deltaOf });
}

/** A part of the content, as Databricks and others write it: a text, or a summary of the reasoning. */
function addPart(texts: MessageText[], part: unknown): void {
  if (!isRecord(part)) return;
  const { type, summary } = part;
  addNested(texts, part, 'text', 'content', 'content', (rest) => ({ content: [{ type, text: rest }] }));
  addNested(texts, part, 'refusal', 'refusal', 'prose', (rest) => ({ content: [{ type, refusal: rest }] }));
  addNested(texts, part, 'thinking', 'thinking', 'prose', (rest) => ({
    content: [{ type, thinking: rest }],
  }));
  if (!Array.isArray(summary)) return;
  for (const piece of summary) {
    if (!isRecord(piece)) continue;
    const ofPiece = piece['type'];
    addNested(texts, piece, 'text', 'summary', 'prose', (rest) => ({
      content: [{ type, summary: [{ type: ofPiece, text: rest }] }],
    }));
  }
}

function addCall(texts: MessageText[], call: unknown, place: number): void {
  if (!isRecord(call)) return;
  const index = typeof call['index'] === 'number' ? call['index'] : place;
  const { function: called, custom } = call;
  if (isRecord(called)) {
    addNested(texts, called, 'arguments', `tool ${index}`, 'json', (rest) => ({
      tool_calls: [{ index, function: { arguments: rest } }],
    }));
  }
  if (isRecord(custom)) {
    addNested(texts, custom, 'input', `tool ${index}`, 'prose', (rest) => ({
      tool_calls: [{ index, custom: { input: rest } }],
    }));
  }
}
