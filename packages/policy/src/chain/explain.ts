import { routeFor } from '../configuration/look-up.ts';
import type { PolicyConfig } from '../configuration/policy-config.ts';
import { chainRequest } from './chain-request.ts';
import { compileChain } from './compile-chain.ts';
import { evaluateChain } from './evaluate-chain.ts';
import { type AnswerExplanation, explainAnswer, type SampleAnswer } from './explain-answer.ts';
import type { Denial, Finding } from './policy-step.ts';

/** What would happen to a request. */
export interface Explanation {
  readonly model: string;
  /** Ids of targets with their weights, in the order of the fallbacks; `null`: nothing serves the model. */
  readonly route: readonly { readonly target: string; readonly weight: number }[] | null;
  readonly denial: Denial | null;
  readonly findings: readonly Finding[];
  /** What would be sent upstream, where that is not what came; `null`: the very bytes. */
  readonly rewritten: Readonly<Record<string, unknown>> | null;
  /** Policies of the chain that can't be tried here, because they have to ask somebody. */
  readonly notTried: readonly string[];
  /** What would happen to the answer; `null`: none was given, or the request is refused. */
  readonly answer: AnswerExplanation | null;
}

/** Says what would happen to a request, and to an answer to it, without sending anything. The body given is left as it is. */
export function explain(
  config: PolicyConfig,
  body: Readonly<Record<string, unknown>>,
  caller: { readonly roles: readonly string[]; readonly generates: boolean },
  answer: SampleAnswer | null = null,
): Explanation {
  const own = structuredClone(body);
  const chain = compileChain(config);
  const request = chainRequest(own, { ...caller, readsTexts: chain.readsTexts });
  const verdict = evaluateChain(chain, request);
  let rewritten: Record<string, unknown> | null = null;
  if (verdict.texts !== null && request.texts !== null) {
    request.texts.rewrite(verdict.texts);
    rewritten = own;
  }
  if (verdict.maxOutputTokens !== null && request.maxOutputTokens === null) {
    rewritten = { ...own, max_tokens: verdict.maxOutputTokens };
  }
  const route = routeFor(config, request.model);
  return {
    model: request.model,
    route: route?.targets.map(({ target, weight }) => ({ target: target.id, weight })) ?? null,
    denial: verdict.denial,
    findings: verdict.findings,
    rewritten,
    notTried: config.chain.filter((name) => name === 'safety-filter'),
    answer:
      answer === null || verdict.denial !== null ? null : explainAnswer(config, verdict.redactions, answer),
  };
}
