import { isMap, isPair, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { PolicyConfigError, type PolicyProblem, type PolicyProblemCode } from '../../errors.ts';
import { syntaxProblems } from './syntax-problems.ts';

/** The way to a field: member names and indexes. */
export type FieldPath = readonly (string | number)[];

const MAX_CONFIG_BYTES = 1024 * 1024;

/** A parsed YAML document that still knows where each field stands. */
export interface LocatedDocument {
  /** Null where the file is empty, or holds comments alone. */
  readonly value: unknown;
  /** A problem at a field, or at its nearest ancestor that is there. */
  problem(code: PolicyProblemCode, path: FieldPath, message: string): PolicyProblem;
}

/**
 * Parses YAML 1.2 with merge keys. Throws `invalid-yaml`: what is no UTF-8 text or too long, and what is wrong with its syntax,
 * with its place.
 */
export function parseYaml(source: string | Uint8Array, file: string): LocatedDocument {
  if (source.length > MAX_CONFIG_BYTES) {
    const message = `The file is longer than ${MAX_CONFIG_BYTES} bytes: is it the right one?`;
    throw at(file, 'invalid-yaml', message);
  }
  const text = typeof source === 'string' ? source : decoded(source, file);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    merge: true,
  });
  const [first, ...rest] = syntaxProblems(document, lines, file);
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

/** The text without its byte order mark, which editors on Windows write. */
function decoded(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw at(file, 'invalid-yaml', 'The file is no UTF-8 text: save it as UTF-8.');
  }
}

/** Aliases that unfold into too much, or merge what is no mapping, fail only here. */
function toValue(read: () => unknown, file: string): unknown {
  try {
    return read();
  } catch (error) {
    const tooMany = error instanceof Error && /alias count/.test(error.message);
    const message = tooMany
      ? 'The aliases unfold into too much: write out what they stand for.'
      : 'An alias or a merge key (<<) stands where it can not be resolved: write out what it stands for.';
    throw at(file, 'invalid-yaml', message);
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
