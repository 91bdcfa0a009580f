import { HttpProblem } from '@tollgate/http';
import { DIRECTORY_PROBLEMS, refuseField } from '../errors.ts';

const FOREIGN_KEY = '23503';
const UNIQUE = '23505';
/** Constraints are named `<table>_<field>_fk` and `<table>_<field>_unique`. */
const SUFFIX = /_(?:fk|unique)$/;

type Violation = { readonly code: string; readonly field: string; readonly table: string };

/**
 * What a broken constraint means to the caller who wrote a row: 422 naming the field that refers to nothing, 409
 * naming the field that is taken. Any other error is given back as it is.
 */
export function asWriteProblem(error: unknown): unknown {
  const violation = read(error);
  if (violation === undefined) return error;
  if (violation.code === UNIQUE) {
    return refuseField(
      DIRECTORY_PROBLEMS.nameTaken,
      violation.field,
      'is taken already: choose another',
      error,
    );
  }
  return refuseField(
    DIRECTORY_PROBLEMS.unknownReference,
    violation.field,
    'refers to nothing of the same organisation',
    error,
  );
}

/** What a broken constraint means to the caller who deleted a row: something still refers to it. */
export function asDeleteProblem(error: unknown): unknown {
  const violation = read(error);
  if (violation?.code !== FOREIGN_KEY) return error;
  const by = violation.table.replaceAll('_', ' ');
  return new HttpProblem(
    DIRECTORY_PROBLEMS.inUse,
    `a ${by} still refers to it: delete or change that first`,
    {
      cause: error,
    },
  );
}

function read(error: unknown): Violation | undefined {
  if (!(error instanceof Error)) return undefined;
  const code: unknown = Reflect.get(error, 'code');
  const constraint: unknown = Reflect.get(error, 'constraint');
  const table: unknown = Reflect.get(error, 'table');
  if (code !== FOREIGN_KEY && code !== UNIQUE) return undefined;
  if (typeof constraint !== 'string' || typeof table !== 'string') return undefined;
  if (!constraint.startsWith(`${table}_`) || !SUFFIX.test(constraint)) return undefined;
  return { code, field: constraint.slice(table.length + 1).replace(SUFFIX, ''), table };
}
