import { z } from 'zod';
import type { PolicyProblem } from '../../errors.ts';
import type { FieldPath, LocatedDocument } from './document.ts';
import { nearestName } from './nearest-name.ts';

/** Collects what is wrong while a file is read, so that all of it can be told at once. */
export type Problems = PolicyProblem[];

/**
 * Checks one section against its shape. Every issue becomes a problem with its place. The result is `undefined` if the
 * shape is wrong; a section with nothing but unknown fields too many is given back without them, so that the rest of it
 * is checked as well.
 */
export function readSection<T extends z.ZodType>(
  schema: T,
  value: unknown,
  path: FieldPath,
  document: LocatedDocument,
  problems: Problems,
): z.infer<T> | undefined {
  let present: unknown = value ?? undefined;
  let result = schema.safeParse(present);
  if (result.success) return result.data;
  const known: unknown = structuredClone(present);
  for (const issue of result.error.issues) {
    if (issue.code !== 'unrecognized_keys') continue;
    const fields = knownFields(schema, issue.path);
    for (const key of issue.keys) {
      problems.push(
        document.problem('unknown-field', [...path, ...steps(issue.path), key], unknownField(key, fields)),
      );
      removeField(known, issue.path, key);
    }
  }
  present = known;
  result = schema.safeParse(present);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const place = [...path, ...steps(issue.path)];
    if (isMissing(present, issue.path)) {
      problems.push(document.problem('missing-field', place, 'This field is required.'));
    } else {
      problems.push(document.problem('invalid-value', place, `${issue.message}.${hint(issue)}`));
    }
  }
  return undefined;
}

function steps(path: readonly PropertyKey[]): FieldPath {
  return path.map((step) => (typeof step === 'number' ? step : String(step)));
}

/** What to say of a name that nobody knows. */
export function unknownField(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === null
    ? `Nothing reads this field. Known here: ${known.join(', ')}.`
    : `Nothing reads this field. Did you mean "${nearest}"?`;
}

function hint(issue: z.core.$ZodIssue): string {
  const number =
    issue.code === 'invalid_type' && issue.expected === 'string' && / number$/.test(issue.message);
  return number ? ' Put it in quotes.' : '';
}

function isMissing(value: unknown, path: readonly PropertyKey[]): boolean {
  const found = follow(value, path);
  return found === undefined || found === null;
}

function removeField(value: unknown, path: readonly PropertyKey[], key: string): void {
  const holder = follow(value, path);
  if (typeof holder === 'object' && holder !== null) Reflect.deleteProperty(holder, key);
}

function follow(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = Reflect.get(at, step);
  }
  return at;
}

function knownFields(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let at: unknown = schema;
  for (const step of path) {
    const inner = unwrapped(at);
    if (inner instanceof z.ZodObject) at = inner.shape[String(step)];
    else if (inner instanceof z.ZodArray) at = inner.element;
    else if (inner instanceof z.ZodRecord) at = inner.valueType;
    else return [];
  }
  const inner = unwrapped(at);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

function unwrapped(schema: unknown): unknown {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodNullable) {
    inner = inner.unwrap();
  }
  return inner;
}
