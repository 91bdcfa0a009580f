import { describeProblem, type PolicyProblem } from '@tollgate/policy/located-yaml';

export type CatalogErrorCode =
  | 'catalogue_unreadable'
  | 'catalogue_invalid'
  | 'record_unreadable'
  | 'record_invalid'
  | 'nothing_permitted'
  | 'model_unknown';

/** The one error type of this package; `problems` has the places where a file is to blame. */
export class CatalogError extends Error {
  readonly code: CatalogErrorCode;
  readonly problems: readonly PolicyProblem[];

  constructor(code: CatalogErrorCode, message: string, problems: readonly PolicyProblem[] = []) {
    super(problems.length === 0 ? message : problems.map(describeProblem).join('\n'));
    this.name = 'CatalogError';
    this.code = code;
    this.problems = problems;
  }
}
