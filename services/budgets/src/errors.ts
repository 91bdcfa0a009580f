export type BudgetsErrorCode =
  /** A report of a lease is no amount of its limit's unit. */
  | 'report_invalid'
  /** The tables contradict each other: a defect. Nothing was changed. */
  | 'invariant_broken';

/** Every error that the budgets service itself raises; the message says what to do. */
export class BudgetsError extends Error {
  readonly code: BudgetsErrorCode;

  constructor(code: BudgetsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BudgetsError';
    this.code = code;
  }
}
