import { isMap, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { PolicyConfigError, type PolicyProblem, type PolicyProblemCode } from '../../errors.ts';

/** The way to a field: member names and indexes. */
export type FieldPath = readonly (string | number)[];

const MAX_CONFIG_BYTES = 1024 * 1024;

/** A parsed YAML document that still knows where each field stands. */
export interface LocatedDocument {
  readonly value: unknown;
  /** A problem at a field, or at its nearest ancestor that is there. */
  problem(code: PolicyProblemCode, path: FieldPath, message: string): PolicyProblem;
}

/** Parses YAML 1.2. Throws `invalid-yaml` with every syntax error and its place. */
export function parseYaml(text: string, file: string): LocatedDocument {
  if (text.length > MAX_CONFIG_BYTES) {
    throw at(file, 'invalid-yaml', `The file is longer than ${MAX_CONFIG_BYTES} bytes.`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const [first, ...rest] = [...document.errors, ...document.warnings].map((error): PolicyProblem => {
    const { line, col } = lines.linePos(error.pos[0]);
    return { code: 'invalid-yaml', message: withoutText(error.message), file, line, column: col, path: '' };
  });
  if (first !== undefined) throw new PolicyConfigError([first, ...rest]);
  return {
    value: toValue(() => document.toJS(), file),
    problem(code, path, message) {
      const { line, col } = lines.linePos(offsetOf(document.contents, path));
      return {
        code,
        message,
        file,
        line: Math.max(1, line),
        column: Math.max(1, col),
        path: describePath(path),
      };
    },
  };
}

/** The parser repeats what it did not expect, which may be a secret. */
function withoutText(message: string): string {
  return message.replace(/(?<=token|stream): .*$/s, '.');
}

/** An alias that is unknown, or aliases that unfold into too much, fail only here. */
function toValue(read: () => unknown, file: string): unknown {
  try {
    return read();
  } catch (error) {
    throw at(file, 'invalid-yaml', error instanceof Error ? error.message : String(error));
  }
}

/** An error about a file as a whole. */
export function at(file: string, code: PolicyProblemCode, message: string): PolicyConfigError {
  return new PolicyConfigError([{ code, message, file, line: 0, column: 0, path: '' }]);
}

/** Where a field begins: its key, for the member of a mapping; else the value; else the nearest ancestor's place. */
function offsetOf(root: Node | null, path: FieldPath): number {
  let node: unknown = root;
  let offset = startOf(root) ?? 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined || !isPair(pair)) return offset;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (typeof step === 'number' && hasItems(node)) {
      node = node.items[step];
      offset = startOf(node) ?? offset;
    } else return offset;
  }
  return offset;
}

function hasItems(node: unknown): node is { readonly items: readonly unknown[] } {
  return typeof node === 'object' && node !== null && 'items' in node && Array.isArray(node.items);
}

function startOf(node: unknown): number | null {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range))
    return null;
  const start: unknown = node.range[0];
  return typeof start === 'number' ? start : null;
}

/** `providers.targets[0].base_url`. */
function describePath(path: FieldPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}
