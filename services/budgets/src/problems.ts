import { HttpProblem, type ProblemKind } from '@tollgate/http';

/** What the budgets service refuses besides the problems that every service has. */
export const BUDGETS_PROBLEMS = {
  limitExists: {
    code: 'limit_exists',
    status: 409,
    title: 'There is a limit of that scope, unit and window',
  },
  limitInvalid: { code: 'limit_invalid', status: 422, title: 'The limit makes no sense' },
  unknownReference: {
    code: 'unknown_reference',
    status: 422,
    title: 'What the scope names is not there, or belongs to another organisation',
  },
  reportInvalid: {
    code: 'report_invalid',
    status: 422,
    title: 'A report does not fit the unit of its limit',
  },
} as const satisfies Record<string, ProblemKind>;

/** A refusal that names one member of the body. */
export function refuseField(kind: ProblemKind, field: string, message: string, cause?: unknown): HttpProblem {
  return new HttpProblem(kind, `${field}: ${message}`, {
    errors: [{ in: 'body', field, message }],
    ...(cause === undefined ? {} : { cause }),
  });
}
