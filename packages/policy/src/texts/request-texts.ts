import type { TextRole } from '../configuration/policy-schemas.ts';

/** One text of a request, where it stands in the parsed body. */
export interface TextPart {
  readonly text: string;
  readonly role: TextRole;
}

/** Deeper bodies are not read to their end, and count as having too much text. */
const MAX_DEPTH = 64;

/** The least whole number that is looked at as a text: shorter ones are no phone number, card or account. */
const LEAST_NUMBER = 1_000_000;

/**
 * Members whose strings the model does not read as text, or that an upstream compares literally; rewriting them would break the
 * call. Media (`data`, `file_data`) are not text; whom a call is for (`user`, `metadata`) never reaches the model.
 */
const OPAQUE: ReadonlySet<string> = new Set([
  'audio',
  'b64_json',
  'call_id',
  'client_request_id',
  'conversation',
  'data',
  'detail',
  'encoding_format',
  'encrypted_content',
  'file_data',
  'file_id',
  'format',
  'id',
  'include',
  'logit_bias',
  'metadata',
  'modalities',
  'model',
  'name',
  'object',
  'previous_response_id',
  'prompt_cache_key',
  'reasoning_effort',
  'role',
  'safety_identifier',
  'service_tier',
  'status',
  'stop',
  'stream_options',
  'tool_call_id',
  'tool_choice',
  'type',
  'usage_context',
  'user',
  'verbosity',
]);

/** Members at the top level of which only descriptions are text; the rest of them is names and types. */
const DEFINITIONS: ReadonlySet<string> = new Set(['tools', 'functions', 'response_format', 'text']);

/** Members at the top level that are laid out by the protocol; of any other, every string is text. */
const LAID_OUT: ReadonlySet<string> = new Set(['input', 'prompt', 'suffix', 'prediction']);

/** JSON in a string, as the arguments of a tool call are. */
interface Embedded {
  readonly holder: object;
  readonly key: string;
  readonly value: object;
  /** Its texts are those from here to the next one's beginning. */
  readonly from: number;
  readonly to: number;
}

/** The texts of a request, and the way back into its body. */
export class RequestTexts {
  readonly parts: readonly TextPart[];
  /** UTF-16 units of all texts together. */
  readonly length: number;
  /** Whether the body is nested too deeply to be read to its end. */
  readonly isTooDeep: boolean;
  readonly #holders: readonly object[];
  readonly #keys: readonly (string | number)[];
  readonly #embedded: readonly Embedded[];

  /** Reads a parsed body of any of the OpenAI-compatible or Databricks endpoints; the body itself is kept, not copied. */
  constructor(body: unknown) {
    const reader = new Reader();
    if (typeof body === 'object' && body !== null) reader.readBody(body);
    this.parts = reader.parts;
    this.length = reader.length;
    this.isTooDeep = reader.isTooDeep;
    this.#holders = reader.holders;
    this.#keys = reader.keys;
    this.#embedded = reader.embedded;
  }

  /** The bytes of UTF-8 that all texts take. */
  bytes(): number {
    let bytes = 0;
    for (const { text } of this.parts) bytes += Buffer.byteLength(text);
    return bytes;
  }

  /**
   * Puts other texts in the places of these, in the body that was read; JSON inside strings is written anew, too.
   *
   * @param texts as many as there are parts, in their order
   */
  rewrite(texts: readonly string[]): void {
    if (texts.length !== this.parts.length) throw new RangeError('as many texts as there are parts');
    for (const [index, { text }] of this.parts.entries()) {
      const other = texts[index];
      const holder = this.#holders[index];
      const key = this.#keys[index];
      if (other === undefined || other === text || holder === undefined || key === undefined) continue;
      Reflect.set(holder, key, other);
    }
    // Innermost last in reading order, so that JSON inside JSON is written before what holds it.
    for (const { holder, key, value, from, to } of this.#embedded.toReversed()) {
      let changed = false;
      for (let index = from; index < to && !changed; index += 1) {
        changed = texts[index] !== this.parts[index]?.text;
      }
      if (changed) Reflect.set(holder, key, JSON.stringify(value));
    }
  }
}

class Reader {
  readonly parts: TextPart[] = [];
  readonly holders: object[] = [];
  readonly keys: (string | number)[] = [];
  readonly embedded: Embedded[] = [];
  length = 0;
  isTooDeep = false;

  readBody(body: object): void {
    for (const [key, value] of Object.entries(body)) {
      if (typeof value === 'number' || typeof value === 'boolean' || value === null) continue;
      if (key === 'messages' && Array.isArray(value)) this.#messages(value);
      else if (DEFINITIONS.has(key) && typeof value === 'object') this.#descriptions(value, 1);
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
      if (OPAQUE.has(key)) continue;
      const value: unknown = Reflect.get(holder, key);
      if (key === 'arguments' && typeof value === 'string') this.#arguments(value, holder, key, role, depth);
      else this.#member(value, holder, key, role, depth);
    }
  }

  #member(value: unknown, holder: object, key: string | number, role: TextRole, depth: number): void {
    if (typeof value === 'string') {
      if (!((key === 'url' || key === 'image_url') && value.startsWith('data:')))
        this.#add(value, holder, key, role);
    } else if (typeof value !== 'object' || value === null) return;
    else if (depth >= MAX_DEPTH) this.isTooDeep = true;
    else if (Array.isArray(value)) {
      // Tokens given by number are no text.
      if (typeof value[0] === 'number') return;
      for (const [index, item] of value.entries()) this.#member(item, value, index, role, depth + 1);
    } else this.#members(value, roleOf(value) ?? role, depth + 1);
  }

  /** The arguments of a tool call are JSON, whose escapes would hide what they spell. */
  #arguments(text: string, holder: object, key: string, role: TextRole, depth: number): void {
    const value = parsed(text);
    if (value === null) {
      this.#add(text, holder, key, role);
      return;
    }
    const from = this.parts.length;
    this.#everything(value, holder, key, role, depth + 1);
    this.embedded.push({ holder, key, value, from, to: this.parts.length });
  }

  #everything(value: unknown, holder: object, key: string | number, role: TextRole, depth: number): void {
    if (typeof value === 'string') this.#add(value, holder, key, role);
    else if (typeof value === 'number') {
      if (Number.isSafeInteger(value) && value >= LEAST_NUMBER) this.#add(String(value), holder, key, role);
    } else if (typeof value !== 'object' || value === null) return;
    else if (depth >= MAX_DEPTH) this.isTooDeep = true;
    else if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) this.#everything(item, value, index, role, depth + 1);
    } else {
      for (const member in value) {
        this.#everything(Reflect.get(value, member), value, member, role, depth + 1);
      }
    }
  }

  #descriptions(value: object, depth: number): void {
    if (depth >= MAX_DEPTH) {
      this.isTooDeep = true;
      return;
    }
    for (const key in value) {
      const member: unknown = Reflect.get(value, key);
      if (typeof member === 'object' && member !== null) this.#descriptions(member, depth + 1);
      else if (key === 'description' && typeof member === 'string')
        this.#add(member, value, key, 'definition');
    }
  }

  #add(text: string, holder: object, key: string | number, role: TextRole): void {
    if (text === '') return;
    this.parts.push({ text, role });
    this.holders.push(holder);
    this.keys.push(key);
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

function parsed(text: string): object | null {
  const first = text.trimStart()[0];
  if (first !== '{' && first !== '[') return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}
