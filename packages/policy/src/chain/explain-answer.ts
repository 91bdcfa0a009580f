import type { PolicyConfig } from '../configuration/policy-config.ts';
import { compileOutput, OutputGuard } from '../output/output-guard.ts';
import type { OutputBlock } from '../output/output-verdict.ts';
import type { Redactions } from '../texts/redactions.ts';
import type { Finding } from './policy-step.ts';

/** A whole answer, as a model would give it to the request that is explained. */
export interface SampleAnswer {
  readonly body: Buffer;
  /** Who knows how answers are laid out: gives the body as it would go out, or null where it can't be read. */
  readonly pass: (body: Buffer, guard: OutputGuard) => Buffer | null;
}

/** What would happen to an answer. */
export interface AnswerExplanation {
  /** Whether any policy looks at answers; else they pass as they come, but for placeholders that are put back. */
  readonly looked: boolean;
  readonly findings: readonly Finding[];
  /** Why it would be refused: a policy's finding, or that it is nothing that can be read; null: it is given. */
  readonly refused: OutputBlock | 'unreadable' | null;
  /** What the caller would get, where that is not what came; null: the very bytes, or nothing. */
  readonly rewritten: string | null;
}

/** Says what would happen to an answer, after a request of which these redactions are left. */
export function explainAnswer(
  config: PolicyConfig,
  redactions: Redactions | null,
  { body, pass }: SampleAnswer,
): AnswerExplanation {
  const output = compileOutput(config);
  const looked = output !== null;
  if (!looked && redactions?.isRestorable !== true) {
    return { looked, findings: [], refused: null, rewritten: null };
  }
  const guard = new OutputGuard(output, redactions);
  const passed = pass(body, guard);
  const refused = guard.blocked ?? (passed === null ? 'unreadable' : null);
  const same = passed === null || passed.equals(body);
  const rewritten = refused !== null || same ? null : passed.toString('utf8');
  return { looked, findings: guard.findings(), refused, rewritten };
}
