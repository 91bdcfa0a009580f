import type { OutputGuard } from '@tollgate/policy';

/** Takes out tokens with their probabilities, which would spell out what was redacted. Whether there were any. */
export function withoutLogprobs(holder: Record<string, unknown>, guard: OutputGuard): boolean {
  if (!guard.looks || holder['logprobs'] === null || holder['logprobs'] === undefined) return false;
  holder['logprobs'] = null;
  return true;
}
