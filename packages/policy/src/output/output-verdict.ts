import type { Finding } from '../chain/policy-step.ts';

/** The events of an answer hold no more. */
const MAX_FINDINGS = 256;

/** Why an answer may not go on. */
export interface OutputBlock {
  readonly policy: 'pii-detector' | 'dlp-filter';
  /** The entity or the name of the expression; never what it found. */
  readonly rule: string;
}

/** What was found in all texts of one answer, and whether it may go on. */
export class OutputVerdict {
  /** Set once, by the first policy that blocks; nothing of the answer is passed on after that. */
  blocked: OutputBlock | null = null;
  readonly #findings = new Map<string, Finding>();

  get isEmpty(): boolean {
    return this.#findings.size === 0;
  }

  count(policy: OutputBlock['policy'], rule: string, action: Finding['action']): void {
    const key = `${policy} ${action} ${rule}`;
    const before = this.#findings.get(key);
    if (before === undefined && this.#findings.size >= MAX_FINDINGS) return;
    this.#findings.set(key, { policy, rule, action, count: (before?.count ?? 0) + 1 });
  }

  block(policy: OutputBlock['policy'], rule: string): void {
    this.count(policy, rule, 'block');
    this.blocked ??= { policy, rule };
  }

  /** In the order in which they were first met. */
  findings(): readonly Finding[] {
    return [...this.#findings.values()];
  }
}
