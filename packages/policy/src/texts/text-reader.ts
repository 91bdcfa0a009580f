import type { TextRole } from '../configuration/schema/policy-schemas.ts';
import { isJson, type JsonToken, jsonTokens } from './json-tokens.ts';
import { DEFINITIONS, KNOWN_NAMES, LAID_OUT, OPAQUE, SCHEMA_WORDS } from './members.ts';

/** One text of a request, where it stands in the parsed body. */
export interface TextPart {
  readonly text: string;
  readonly role: TextRole;
}

/** Where a text goes back. */
export interface Place {
  readonly holder: object;
  readonly key: string | number;
  /** It is the name of the member, not its value. */
  readonly isName?: true;
}

/** JSON in a string, as the arguments of a tool call are. */
export interface Embedded {
  readonly holder: object;
  readonly key: string;
  readonly text: string;
  readonly tokens: readonly JsonToken[];
  /** What its tokens are to be, where that is something else. */
  readonly replaced: readonly (string | undefined)[];
}

/** Deeper bodies are not read to their end, and count as having too much text. */
const MAX_DEPTH = 64;

/** The least whole number that is looked at as a text: shorter ones are no phone number, card or account. */
const LEAST_NUMBER = 1_000_000;

/** Collects the texts of a body, and where each stands. */
export class TextReader {
  readonly parts: TextPart[] = [];
  readonly places: Place[] = [];
  readonly embedded: Embedded[] = [];
  length = 0;
  /** Whether any of them is more than the name of a member. */
  hasText = false;
  isTooDeep = false;

  readBody(body: object): void {
    for (const [key, value] of Object.entries(body)) {
      if (!KNOWN_NAMES.has(key)) this.#name(body, key, 'input');
      if (typeof value === 'number' || typeof value === 'boolean' || value === null) continue;
      if (key === 'messages' && Array.isArray(value)) this.#messages(value);
      else if (DEFINITIONS.has(key) && typeof value === 'object') this.#definitions(value, 1);
      else if (key === 'instructions') this.#member(value, body, key, 'system', 1);
      else if (LAID_OUT.has(key)) this.#member(value, body, key, 'input', 1);
      else if (!OPAQUE.has(key)) this.#everything(value, body, key, 'input', 1);
    }
  }

  #messages(messages: readonly unknown[]): void {
    for (const message of messages) {
      if (typeof message !== 'object' || message === null) continue;
      this.#members(message, roleOf(message) ?? 'input', 2);
    }
  }

  #members(holder: object, role: TextRole, depth: number): void {
    for (const key in holder) {
      if (!KNOWN_NAMES.has(key)) this.#name(holder, key, role);
      else if (OPAQUE.has(key)) continue;
      const value: unknown = Reflect.get(holder, key);
      if (key === 'arguments' && typeof value === 'string') this.#arguments(value, holder, key, role);
      else this.#member(value, holder, key, role, depth);
    }
  }

  #member(value: unknown, holder: object, key: string | number, role: TextRole, depth: number): void {
    if (typeof value === 'string') {
      if (!((key === 'url' || key === 'image_url') && value.startsWith('data:')))
        this.#add(value, { holder, key }, role);
    } else if (typeof value !== 'object' || value === null) return;
    else if (depth >= MAX_DEPTH) this.isTooDeep = true;
    else if (Array.isArray(value)) {
      // Tokens given by number are no text.
      if (typeof value[0] === 'number') return;
      for (const [index, item] of value.entries()) this.#member(item, value, index, role, depth + 1);
    } else this.#members(value, roleOf(value) ?? role, depth + 1);
  }

  /**
   * The arguments of a tool call are JSON, whose escapes would hide what they spell. Each of its strings is read where it stands, names
   * of members and members that stand there twice included, since nobody knows which of these an upstream takes.
   */
  #arguments(text: string, holder: object, key: string, role: TextRole): void {
    const tokens = isJson(text) ? jsonTokens(text) : null;
    if (tokens === null) {
      this.#add(text, { holder, key }, role);
      return;
    }
    const replaced: (string | undefined)[] = [];
    for (const [index, token] of tokens.entries())
      this.#add(token.text, { holder: replaced, key: index }, role);
    this.embedded.push({ holder, key, text, tokens, replaced });
  }

  #everything(value: unknown, holder: object, key: string | number, role: TextRole, depth: number): void {
    if (typeof value === 'string') this.#add(value, { holder, key }, role);
    else if (typeof value === 'number') {
      if (Number.isSafeInteger(value) && value >= LEAST_NUMBER)
        this.#add(String(value), { holder, key }, role);
    } else if (typeof value !== 'object' || value === null) return;
    else if (depth >= MAX_DEPTH) this.isTooDeep = true;
    else if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) this.#everything(item, value, index, role, depth + 1);
    } else {
      for (const member in value) {
        if (!KNOWN_NAMES.has(member)) this.#name(value, member, role);
        this.#everything(Reflect.get(value, member), value, member, role, depth + 1);
      }
    }
  }

  /** Of a definition the model is shown all of it: descriptions, names of properties, values to choose from. */
  #definitions(value: object, depth: number): void {
    if (depth >= MAX_DEPTH) {
      this.isTooDeep = true;
      return;
    }
    const isList = Array.isArray(value);
    for (const key in value) {
      const member: unknown = Reflect.get(value, key);
      if (!isList && !KNOWN_NAMES.has(key)) this.#name(value, key, 'definition');
      if (typeof member === 'object' && member !== null) this.#definitions(member, depth + 1);
      else if (typeof member === 'string' && !SCHEMA_WORDS.has(key))
        this.#add(member, { holder: value, key }, 'definition');
    }
  }

  #name(holder: object, key: string, role: TextRole): void {
    this.#add(key, { holder, key, isName: true }, role);
  }

  #add(text: string, place: Place, role: TextRole): void {
    if (text === '') return;
    this.parts.push({ text, role });
    this.places.push(place);
    if (place.isName !== true) this.hasText = true;
    this.length += text.length;
  }
}

const ROLES: ReadonlyMap<unknown, TextRole> = new Map<unknown, TextRole>([
  ['system', 'system'],
  ['developer', 'developer'],
  ['user', 'user'],
  ['assistant', 'assistant'],
  ['tool', 'tool'],
  ['function', 'tool'],
]);

/** Items of the Responses API have a role or, where they are calls of tools, their outputs or reasoning, a type. */
function roleOf(item: object): TextRole | null {
  if ('role' in item) return ROLES.get(item.role) ?? null;
  if (!('type' in item) || typeof item.type !== 'string') return null;
  if (item.type.endsWith('_call_output')) return 'tool';
  return item.type.endsWith('_call') || item.type === 'reasoning' ? 'assistant' : null;
}
