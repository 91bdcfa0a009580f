import { HttpProblem, type ProblemKind } from '@tollgate/http';
import { ChargebackError, type ChargebackErrorCode } from './errors.ts';

const KINDS = {
  price_invalid: { code: 'price_invalid', status: 422, title: 'A price row can not be used' },
  price_conflict: { code: 'price_conflict', status: 409, title: 'Price rows are never edited' },
  price_overlap: { code: 'price_overlap', status: 409, title: 'Two price rows would be in force at once' },
  price_in_past: { code: 'price_in_past', status: 409, title: 'Prices of the past stay' },
  instant_invalid: { code: 'instant_invalid', status: 400, title: 'Not an instant in UTC' },
  report_invalid: { code: 'report_invalid', status: 400, title: 'The parameters contradict each other' },
  report_too_large: { code: 'report_too_large', status: 422, title: 'The report is too large' },
} as const satisfies Partial<Record<ChargebackErrorCode, ProblemKind>>;

export const PROBLEMS_OF_REPORTS: readonly ProblemKind[] = [
  KINDS.report_invalid,
  KINDS.instant_invalid,
  KINDS.report_too_large,
];
export const PROBLEMS_OF_PRICES: readonly ProblemKind[] = [
  KINDS.price_invalid,
  KINDS.price_conflict,
  KINDS.price_overlap,
  KINDS.price_in_past,
];

/** Runs a handler; errors of ours that a caller can mend become refusals with the same code. */
export async function refusing<T>(handle: () => Promise<T>): Promise<T> {
  try {
    return await handle();
  } catch (error) {
    throw error instanceof ChargebackError ? refusalOf(error) : error;
  }
}

function refusalOf(error: ChargebackError): Error {
  const kind = Object.hasOwn(KINDS, error.code) ? KINDS[error.code as keyof typeof KINDS] : undefined;
  return kind === undefined ? error : new HttpProblem(kind, error.message, { cause: error });
}
