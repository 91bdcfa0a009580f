import { z } from 'zod';
import { type FieldError, HttpProblem, PROBLEMS } from '../errors.ts';

/** Faults told of one request at most. */
const MAX_FIELD_ERRORS = 20;

/**
 * Reads one part of a request by its schema.
 *
 * @throws HttpProblem 400 `invalid_request` with one entry per fault, each naming its member
 */
export function readInput<S extends z.ZodType>(
  schema: S,
  value: unknown,
  part: FieldError['in'],
): z.output<S> {
  const result = schema.safeParse(value);
  const errors = result.success ? nulErrors(value, part) : fieldErrors(result.error.issues, part);
  if (result.success && errors.length === 0) return result.data;
  const first = errors[0];
  const where = first === undefined || first.field === '' ? part : `${part} member ${first.field}`;
  throw new HttpProblem(PROBLEMS.invalidRequest, `${where}: ${first?.message ?? 'does not fit the schema'}`, {
    errors,
  });
}

/** Postgres keeps no NUL in text, so no parameter holds one, whatever its schema says. */
function nulErrors(value: unknown, part: FieldError['in']): FieldError[] {
  if (part === 'body' || value === null || typeof value !== 'object') return [];
  return Object.entries(value)
    .filter(([, text]) => typeof text === 'string' && text.includes('\0'))
    .map(([name]) => ({ in: part, field: name.slice(0, 64), message: 'must not contain NUL' }));
}

function fieldErrors(issues: readonly z.core.$ZodIssue[], part: FieldError['in']): FieldError[] {
  return issues
    .flatMap((issue): FieldError[] => {
      const at = issue.path.map(String);
      if (issue.code !== 'unrecognized_keys') {
        return [{ in: part, field: at.join('.'), message: issue.message }];
      }
      return issue.keys.map((key) => ({
        in: part,
        field: [...at, key.slice(0, 64)].join('.'),
        message: 'is not known here: leave it out',
      }));
    })
    .slice(0, MAX_FIELD_ERRORS);
}

/** An integer in a query: decimal digits, within bounds. Shown as an integer in the OpenAPI document. */
export function queryInteger(bounds: {
  readonly min: number;
  readonly max: number;
  readonly default: number;
}) {
  return z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(bounds.min).max(bounds.max))
    .default(bounds.default)
    .meta({
      jsonSchema: {
        type: 'integer',
        minimum: bounds.min,
        maximum: bounds.max,
        default: bounds.default,
      },
    });
}
