import { HttpProblem, PROBLEMS, type ProblemKind } from '@tollgate/http';

/** What the directory refuses besides the problems that every service has. */
export const DIRECTORY_PROBLEMS = {
  nameTaken: { code: 'name_taken', status: 409, title: 'Something of that name is there already' },
  inUse: { code: 'in_use', status: 409, title: 'It is still referred to' },
  lastAdministrator: {
    code: 'last_administrator',
    status: 409,
    title: 'Without this token nobody could assign roles any more',
  },
  grantSettled: { code: 'grant_settled', status: 409, title: 'The grant has been approved or has expired' },
  approverNotAllowed: {
    code: 'approver_not_allowed',
    status: 403,
    title: 'A second person has to approve, not who asked or who gets the role',
  },
  instanceKeyDiffers: {
    code: 'instance_key_differs',
    status: 403,
    title: 'The instance is registered with another key',
  },
  unknownReference: {
    code: 'unknown_reference',
    status: 422,
    title: 'What the request refers to is not there, or belongs to another organisation',
  },
  invalidValue: { code: 'invalid_value', status: 422, title: 'A value fits its form but makes no sense' },
} as const satisfies Record<string, ProblemKind>;

/** 404 for what is not there and for what the token does not reach, alike: ids can't be probed. */
export function notFound(what: string): HttpProblem {
  return new HttpProblem(PROBLEMS.notFound, `there is no such ${what} within the token's reach`);
}

/** A refusal that names one member of the body. */
export function refuseField(kind: ProblemKind, field: string, message: string, cause?: unknown): HttpProblem {
  return new HttpProblem(kind, `${field} ${message}`, {
    errors: [{ in: 'body', field, message }],
    ...(cause === undefined ? {} : { cause }),
  });
}
