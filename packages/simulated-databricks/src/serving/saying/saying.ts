import { isObject, type JsonObject } from '../json-object.ts';
import { instanceOf } from './schema-instance.ts';

/** What an answer says where it is not just words: a text that was asked for in a shape, or the call of a tool. */
export interface Saying {
  /** The tool that is called; `null`: the pieces are the answer's text. */
  readonly tool: string | null;
  /** The text, or the call's arguments, in its words; each but the first with the space before it. */
  readonly pieces: readonly string[];
}

/**
 * What is to be said to a body: the call of the first tool, unless it has been answered; an instance of the schema that
 * the answer is to keep to; `null` where neither is asked for, and any words will do.
 */
export function sayingOf(task: 'chat' | 'responses', body: JsonObject): Saying | null {
  if (body['tools'] !== undefined) {
    const tool = toolToCall(task, body);
    if (tool !== null) return { tool: tool.name, pieces: piecesOf(instanceOf(tool.parameters)) };
  }
  const format = task === 'chat' ? body['response_format'] : member(body['text'], 'format');
  if (!isObject(format)) return null;
  if (format['type'] === 'json_object') return { tool: null, pieces: piecesOf({ answer: 'every call' }) };
  if (format['type'] !== 'json_schema') return null;
  const schema = task === 'chat' ? member(format['json_schema'], 'schema') : format['schema'];
  return { tool: null, pieces: piecesOf(instanceOf(schema)) };
}

interface Tool {
  readonly name: string;
  readonly parameters: unknown;
}

function toolToCall(task: 'chat' | 'responses', body: JsonObject): Tool | null {
  const choice = body['tool_choice'] ?? 'auto';
  if (choice === 'none' || !Array.isArray(body['tools'])) return null;
  const tools = body['tools'].map((tool) => toolOf(task, tool)).filter((tool) => tool !== null);
  if (isObject(choice)) {
    const wanted = task === 'chat' ? member(choice['function'], 'name') : choice['name'];
    return tools.find(({ name }) => name === wanted) ?? null;
  }
  return choice === 'auto' && hasToolsAnswer(task, body) ? null : (tools[0] ?? null);
}

function toolOf(task: 'chat' | 'responses', tool: unknown): Tool | null {
  if (!isObject(tool) || tool['type'] !== 'function') return null;
  const described = task === 'chat' ? tool['function'] : tool;
  if (!isObject(described) || typeof described['name'] !== 'string') return null;
  return { name: described['name'], parameters: described['parameters'] ?? {} };
}

/** Whether the last thing said is what a tool gave back. */
function hasToolsAnswer(task: 'chat' | 'responses', body: JsonObject): boolean {
  const said = task === 'chat' ? body['messages'] : body['input'];
  const last: unknown = Array.isArray(said) ? said.at(-1) : null;
  if (!isObject(last)) return false;
  return task === 'chat' ? last['role'] === 'tool' : last['type'] === 'function_call_output';
}

/** JSON with a space after each comma and colon, so that it is several words. */
function piecesOf(value: unknown): readonly string[] {
  const spaced = JSON.stringify(value, null, 1).replaceAll(/\n\s*/g, ' ');
  return spaced.split(/(?= )/);
}

function member(holder: unknown, name: string): unknown {
  return isObject(holder) ? holder[name] : undefined;
}
