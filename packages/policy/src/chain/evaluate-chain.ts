import { Redactions } from '../texts/redactions.ts';
import type { RequestTexts, TextPart } from '../texts/request-texts.ts';
import type { CompiledChain } from './compile-chain.ts';
import type { Denial, Finding, StepContext } from './policy-step.ts';

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
 * is not among them, since it has to ask somebody: see `safety-filter/`.
 */
export function evaluateChain(chain: CompiledChain, request: ChainRequest): ChainVerdict {
  const findings: Finding[] = [];
  const limit = chain.readsTexts ? textLimit(chain, request.texts, findings) : null;
  if (limit !== null) return denied(limit, findings);
  const unread = findings.length > 0;
  const parts = unread ? NO_PARTS : (request.texts?.parts ?? NO_PARTS);
  let texts: readonly string[] = parts.map(({ text }) => text);
  const original = texts;
  const redactions = new Redactions(original);
  let maxOutputTokens: number | null = null;
  for (const step of chain.steps) {
    if (step.readsTexts && parts.length === 0) continue;
    const context: StepContext = {
      model: request.model,
      roles: request.roles,
      maxOutputTokens: request.maxOutputTokens,
      choices: request.choices,
      generates: request.generates,
      parts,
      texts,
      redactions,
    };
    const verdict = step.evaluate(context);
    if (verdict.findings.length > 0)
      findings.push(...verdict.findings.slice(0, MAX_FINDINGS - findings.length));
    if (verdict.denial !== null) return denied(verdict.denial, findings);
    if (verdict.texts !== null) texts = verdict.texts;
    if (verdict.maxOutputTokens !== null) {
      maxOutputTokens = Math.min(maxOutputTokens ?? Number.POSITIVE_INFINITY, verdict.maxOutputTokens);
    }
  }
  return {
    denial: null,
    findings,
    texts: texts === original ? null : texts,
    redactions: redactions.size === 0 ? null : redactions,
    maxOutputTokens,
  };
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
  if (texts.parts.length === 0) {
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
