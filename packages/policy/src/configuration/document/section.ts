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
      problems.push(
        document.problem('invalid-value', place, expectation(issue, follow(present, issue.path))),
      );
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
    : `Nothing reads this field. ${didYouMean(nearest)}`;
}

const KINDS: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'a mapping',
  record: 'a mapping',
  string: 'a text',
};

/** What was expected instead, without the value that is there: it may be a secret that somebody put in the wrong place. */
function expectation(issue: z.core.$ZodIssue, found: unknown): string {
  switch (issue.code) {
    case 'invalid_type': {
      if (!issue.message.startsWith('Invalid input')) return `${issue.message}.`;
      const kind = KINDS[issue.expected] ?? issue.expected;
      return `Expected ${kind}, and this is ${kindOf(found)}.${typeAdvice(issue.expected, found)}`;
    }
    case 'invalid_value': {
      const known = issue.values.map(String);
      const meant = typeof found === 'string' ? meantBy(found, known) : null;
      return meant === null
        ? `Expected one of ${known.map((name) => `"${name}"`).join(', ')}.`
        : `Nothing here is called "${found}". Did you mean "${meant}"?`;
    }
    case 'too_big':
    case 'too_small':
      return tooMuchOrLittle(issue);
    default:
      return issue.message.endsWith('.') ? issue.message : `${issue.message}.`;
  }
}

/** The beginning of a name counts as the name. */
function meantBy(found: string, known: readonly string[]): string | null {
  const begun = found.toLowerCase();
  const whole = begun.length < 3 ? undefined : known.find((name) => name.toLowerCase().startsWith(begun));
  return nearestName(found, known) ?? whole ?? null;
}

function tooMuchOrLittle(issue: z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall): string {
  const isBig = issue.code === 'too_big';
  const bound = isBig ? issue.maximum : issue.minimum;
  const many = issue.origin === 'string' ? ' characters' : ' items';
  if (issue.origin === 'string' || issue.origin === 'array')
    return `Expected at ${isBig ? 'most' : 'least'} ${bound}${many}.`;
  const inclusive = issue.inclusive ?? true;
  if (isBig) return `Expected ${inclusive ? 'at most' : 'less than'} ${bound}.`;
  return `Expected ${inclusive ? 'at least' : 'more than'} ${bound}.`;
}

function typeAdvice(expected: string, found: unknown): string {
  if (expected === 'string' && typeof found !== 'object') return ' Put it in quotes.';
  if (expected === 'boolean') return ' YAML 1.2 takes no yes, no, on or off.';
  if (expected === 'array' && typeof found === 'string') return ' Write it in brackets: [ ].';
  if (expected === 'number' && typeof found === 'string')
    return ' Write it in digits, without a unit or quotes.';
  return '';
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return 'a number';
  if (typeof value === 'boolean') return 'true or false';
  return typeof value === 'object' ? 'a mapping' : 'a text';
}

/** Whether a field that is required is there, under a name that is a slip of the pen: told once, as that. */
export function isMisspelt(missing: PolicyProblem, problems: Problems): boolean {
  if (missing.code !== 'missing-field') return false;
  const [parent, name] = splitPath(missing.path);
  return problems.some(
    ({ code, path, message }) =>
      code === 'unknown-field' && splitPath(path)[0] === parent && message.endsWith(didYouMean(name)),
  );
}

function splitPath(path: string): readonly [parent: string, name: string] {
  const dot = path.lastIndexOf('.');
  return [path.slice(0, Math.max(0, dot)), path.slice(dot + 1)];
}

function didYouMean(name: string): string {
  return `Did you mean "${name}"?`;
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
