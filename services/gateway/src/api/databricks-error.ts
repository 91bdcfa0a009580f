import type { Refusal } from '../errors.ts';

/** Databricks' own code for each status, by which its clients choose what to throw and mlflow tells the status. */
const CODES: Readonly<Record<number, string>> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'RESOURCE_DOES_NOT_EXIST',
  413: 'BAD_REQUEST',
  429: 'REQUEST_LIMIT_EXCEEDED',
  503: 'TEMPORARILY_UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/**
 * The error body of Databricks' REST API, with the members of an OpenAI error beside its own: `code` says more than
 * `error_code`. They stand side by side because Databricks' clients take a member `error` for a text, and call an object
 * there a bug of the API.
 */
export function databricksError({ status, message, type, param, code }: Refusal): object {
  const other = status < 500 ? 'BAD_REQUEST' : 'INTERNAL_ERROR';
  return { error_code: CODES[status] ?? other, message, type, param, code };
}
