import { Redactions } from '../texts/redactions.ts';
import type { RequestTexts, TextPart } from '../texts/request-texts.ts';
import type { CompiledChain } from './compile-chain.ts';
import type { Denial, Finding, StepVerdict } from './policy-step.ts';

/** UTF-8 takes at most three bytes for each UTF-16 unit, so shorter texts need no counting. */
const MAX_BYTES_PER_UNIT = 3;

/** A decision's event holds no more. */
const MAX_FINDINGS = 256;

/** A request, as the chain is asked about it. */
export interface ChainRequest {
  readonly model: string;
  readonly roles: readonly string[];
  readonly maxOutputTokens: number | null;
  readonly choices: number;
  readonly generates: boolean;
  /** `null`: not collected, which is right only where `chain.readsTexts` is false. */
  readonly texts: RequestTexts | null;
}

/** What the chain makes of a request. */
export interface ChainVerdict {
  /** `null`: allowed. */
  readonly denial: Denial | null;
  readonly findings: readonly Finding[];
  /** For `RequestTexts.rewrite`; `null`: the body goes on as it came. */
  readonly texts: readonly string[] | null;
  /** What stands behind the placeholders; `null` where nothing was redacted. */
  readonly redactions: Redactions | null;
  /** The limit that the policies set on the answer; `null`: none. Never more than the request's own. */
  readonly maxOutputTokens: number | null;
}

const NO_PARTS: readonly TextPart[] = [];

/**
 * Asks the policies in their order. The first that refuses ends it; what one rewrites is what the next one sees. `safety-filter`
 * is not among them, since it has to ask somebody: see {@link beginChain}.
 */
export function evaluateChain(chain: CompiledChain, request: ChainRequest): ChainVerdict {
  const run = new ChainRun(chain, request);
  return run.verdict ?? run.to(chain.steps.length) ?? run.passed();
}

/** A request that somebody has to judge before the rest of the chain decides on it. */
export interface Interrupted {
  /** As the policies before left them; at least one. */
  readonly texts: readonly string[];
  /** Goes on with the judge's verdict. */
  resume(verdict: StepVerdict): ChainVerdict;
}

/** As {@link evaluateChain}, but stops where `safety-filter` stands, if there are texts to be judged. */
export function beginChain(chain: CompiledChain, request: ChainRequest): ChainVerdict | Interrupted {
  const run = new ChainRun(chain, request);
  if (run.verdict !== null) return run.verdict;
  const { judge, steps } = chain;
  if (judge === null || run.texts.length === 0) return run.to(steps.length) ?? run.passed();
  return (
    run.to(judge.at) ?? {
      texts: run.texts,
      resume: (verdict) => run.take(verdict) ?? run.to(steps.length) ?? run.passed(),
    }
  );
}

/** One request on its way through the chain. */
class ChainRun {
  /** Set where the request is refused before any policy is asked. */
  readonly verdict: ChainVerdict | null;
  texts: readonly string[];
  readonly #chain: CompiledChain;
  readonly #request: ChainRequest;
  readonly #findings: Finding[] = [];
  readonly #parts: readonly TextPart[];
  readonly #original: readonly string[];
  readonly #redactions: Redactions;
  #maxOutputTokens: number | null = null;
  #next = 0;

  constructor(chain: CompiledChain, request: ChainRequest) {
    this.#chain = chain;
    this.#request = request;
    const limit = chain.readsTexts ? textLimit(chain, request.texts, this.#findings) : null;
    this.verdict = limit === null ? null : denied(limit, this.#findings);
    const unread = this.#findings.length > 0;
    this.#parts = unread ? NO_PARTS : (request.texts?.parts ?? NO_PARTS);
    this.texts = this.#original = this.#parts.map(({ text }) => text);
    this.#redactions = new Redactions(this.#original);
  }

  /** Asks the policies up to this one; null where none refuses. */
  to(end: number): ChainVerdict | null {
    for (; this.#next < end; this.#next += 1) {
      const step = this.#chain.steps[this.#next];
      if (step === undefined || (step.readsTexts && this.#parts.length === 0)) continue;
      const { model, roles, maxOutputTokens, choices, generates } = this.#request;
      const refused = this.take(
        step.evaluate({
          model,
          roles,
          maxOutputTokens,
          choices,
          generates,
          parts: this.#parts,
          texts: this.texts,
          redactions: this.#redactions,
        }),
      );
      if (refused !== null) return refused;
    }
    return null;
  }

  /** What a policy says; the verdict on the whole where it refuses. */
  take(verdict: StepVerdict): ChainVerdict | null {
    const findings = this.#findings;
    if (verdict.findings.length > 0)
      findings.push(...verdict.findings.slice(0, MAX_FINDINGS - findings.length));
    if (verdict.denial !== null) return denied(verdict.denial, findings);
    if (verdict.texts !== null) this.texts = verdict.texts;
    const { maxOutputTokens } = verdict;
    if (maxOutputTokens !== null) {
      this.#maxOutputTokens = Math.min(this.#maxOutputTokens ?? Number.POSITIVE_INFINITY, maxOutputTokens);
    }
    return null;
  }

  passed(): ChainVerdict {
    return {
      denial: null,
      findings: this.#findings,
      texts: this.texts === this.#original ? null : this.texts,
      redactions: this.#redactions.size === 0 ? null : this.#redactions,
      maxOutputTokens: this.#maxOutputTokens,
    };
  }
}

/** Says what of a request the text policies can't see; the denial where that is not allowed. */
function textLimit(chain: CompiledChain, texts: RequestTexts | null, findings: Finding[]): Denial | null {
  if (texts === null) throw new TypeError('the chain reads texts, and none were collected');
  if (texts.isTooDeep || isOver(texts, chain.maxTextBytes)) {
    const rule = texts.isTooDeep ? 'nested-too-deeply' : 'max_text_bytes';
    findings.push({ policy: 'policies', rule, action: chain.overMaxText, count: 1 });
    if (chain.overMaxText === 'flag') return null;
    const message = texts.isTooDeep
      ? 'The request is nested too deeply for its texts to be checked.'
      : `The request holds more text than the ${chain.maxTextBytes} bytes that are checked.`;
    return { policy: 'policies', code: 'text_too_large', status: 413, message };
  }
  if (!texts.hasText) {
    findings.push({ policy: 'policies', rule: 'no-text', action: 'allow', count: 0 });
  }
  return null;
}

function isOver(texts: RequestTexts, maxBytes: number): boolean {
  return texts.length * MAX_BYTES_PER_UNIT > maxBytes && texts.bytes() > maxBytes;
}

function denied(denial: Denial, findings: readonly Finding[]): ChainVerdict {
  return { denial, findings, texts: null, redactions: null, maxOutputTokens: null };
}
