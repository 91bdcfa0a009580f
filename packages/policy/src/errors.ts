/** What can be wrong with a policy configuration. */
export type PolicyProblemCode =
  | 'unreadable-file'
  | 'invalid-yaml'
  | 'unknown-field'
  | 'missing-field'
  | 'invalid-value'
  | 'contradiction'
  | 'duplicate'
  | 'not-available'
  | 'unfilled-placeholder'
  | 'bad-databricks-host'
  | 'no-targets'
  | 'pack-disabled';

/** One thing that is wrong, and where. */
export interface PolicyProblem {
  readonly code: PolicyProblemCode;
  /** What is wrong and what to do; holds no value of the file but names of fields, policies, providers and models. */
  readonly message: string;
  /** The file, or the environment variable. */
  readonly file: string;
  /** Counted from 1; 0 where the problem is no particular place of the file. */
  readonly line: number;
  readonly column: number;
  /** The field, such as `providers.targets[0].base_url`; empty for the file as a whole. */
  readonly path: string;
}

/** The one error type of this package: everything that is wrong with a file, in the order of its lines. */
export class PolicyConfigError extends Error {
  /** The code of the first problem. */
  readonly code: PolicyProblemCode;
  readonly problems: readonly [PolicyProblem, ...PolicyProblem[]];

  constructor(problems: readonly [PolicyProblem, ...PolicyProblem[]], options?: ErrorOptions) {
    super(problems.map(describeProblem).join('\n'), options);
    this.name = 'PolicyConfigError';
    this.code = problems[0].code;
    this.problems = problems;
  }
}

/** A problem as the one line that editors and terminals know how to follow. */
export function describeProblem({ file, line, column, path, message }: PolicyProblem): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  return `${place}: ${path === '' ? '' : `${path}: `}${message}`;
}
