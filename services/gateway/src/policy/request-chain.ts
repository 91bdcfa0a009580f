import {
  beginChain,
  type ChainRequest,
  type ChainVerdict,
  type CompiledChain,
  type CompiledOutput,
  compileChain,
  compileOutput,
  evaluateChain,
  type PolicyConfig,
  RequestTexts,
} from '@tollgate/policy';
import { generates } from '../body/protocol.ts';
import { factsOf, isUnreadable, type RequestFacts } from '../body/request-body.ts';
import type { RolesOf } from '../callers/caller-roles.ts';
import { refuseByPolicy } from '../errors.ts';
import { asksForJson, OutputRules } from '../output/output-rules.ts';
import type { ChainAnswer, ChainQuestion, PendingAnswer, RequestChain } from './policy.ts';
import type { Judge } from './safety-judge.ts';

const NO_ROLES: readonly string[] = [];

/** More answers than any limit on tokens can be shared by: a count that can't be read is taken for this. */
const UNREADABLE_CHOICES = Number.MAX_SAFE_INTEGER;

/**
 * The policies of a configuration that decide on requests, compiled; null where there are none, so that the caller's
 * own bytes go on untouched.
 *
 * Whatever was decided on is what is sent: the parsed body is written anew, redacted or not. Of members that stand in a
 * body twice, and of bytes that are no UTF-8, an upstream could otherwise read what no policy has seen.
 */
export function requestChain(
  config: PolicyConfig,
  rolesOf: RolesOf,
  judge: Judge | null = null,
): RequestChain | null {
  const chain = compileChain(config);
  const output = compileOutput(config);
  if (chain.judge !== null && judge === null) throw new TypeError('a safety-filter needs a judge');
  if (chain.steps.length === 0 && chain.judge === null && output === null) return null;
  const rbac = chain.steps.filter(({ name }) => name === 'rbac');
  const access = { ...chain, steps: rbac, judge: null, readsTexts: false };
  const asksRoles = access.steps.length > 0;
  const rules = { chain, judge, output };
  return {
    judges: chain.judge !== null,
    decide: (question) => decide(rules, question, asksRoles ? rolesOf(question.caller) : NO_ROLES),
    evaluate: (question) => evaluate(rules, question, asksRoles ? rolesOf(question.caller) : NO_ROLES),
    allows(caller, model) {
      if (!asksRoles) return true;
      const any = { maxOutputTokens: null, choices: 1, generates: true, texts: null };
      return evaluateChain(access, { model, roles: rolesOf(caller), ...any }).denial === null;
    },
  };
}

/** What a configuration decides by. */
interface Rules {
  readonly chain: CompiledChain;
  readonly judge: Judge | null;
  /** For answers. */
  readonly output: CompiledOutput | null;
}

function decide(
  { chain, judge, output }: Rules,
  question: ChainQuestion,
  roles: readonly string[],
): ChainAnswer | PendingAnswer {
  const texts = chain.readsTexts ? new RequestTexts(question.body) : null;
  const verdict = beginChain(chain, asked(question, roles, texts));
  if (!('resume' in verdict)) return answer(output, question, texts, verdict);
  if (judge === null) throw new TypeError('nobody to judge');
  return {
    timeoutMs: judge.timeoutMs,
    judge: async (signal) =>
      answer(output, question, texts, verdict.resume(await judge.ask(verdict.texts, signal))),
  };
}

function evaluate({ chain, output }: Rules, question: ChainQuestion, roles: readonly string[]): ChainAnswer {
  const texts = chain.readsTexts ? new RequestTexts(question.body) : null;
  return answer(output, question, texts, evaluateChain(chain, asked(question, roles, texts)));
}

function asked({ facts }: ChainQuestion, roles: readonly string[], texts: RequestTexts | null): ChainRequest {
  const { outputCeiling, choices } = facts.extent;
  return {
    model: facts.model,
    roles,
    // The greatest by any reading of the body; a limit that can't be read is none, and is replaced.
    maxOutputTokens: outputCeiling,
    choices: choices ?? UNREADABLE_CHOICES,
    generates: generates(facts.protocol),
    texts,
  };
}

function answer(
  output: CompiledOutput | null,
  { endpoint, facts, body }: ChainQuestion,
  texts: RequestTexts | null,
  verdict: ChainVerdict,
): ChainAnswer {
  const { denial, findings } = verdict;
  if (denial !== null) return { refusal: refuseByPolicy(denial), findings };
  let sent: RequestFacts = facts;
  if (verdict.texts !== null && texts !== null) {
    texts.rewrite(verdict.texts);
    const read = factsOf(endpoint, body, facts.modelInPath ? facts.model : null);
    if (isUnreadable(read)) throw new TypeError('a rewritten body can not be read any more');
    sent = read;
  }
  const bytes = Buffer.from(JSON.stringify(body));
  const { maxOutputTokens: outputLimit, redactions } = verdict;
  const passes = facts.protocol === 'embeddings' || (output === null && redactions?.isRestorable !== true);
  return {
    refusal: null,
    findings,
    facts: sent,
    bytes,
    outputLimit,
    output: passes ? null : new OutputRules(output, redactions, asksForJson(body)),
  };
}
