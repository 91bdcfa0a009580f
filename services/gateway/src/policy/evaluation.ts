import type { Finding } from '@tollgate/policy';
import { z } from 'zod';
import { factsOf, isUnreadable } from '../body/request-body.ts';
import type { Caller } from '../callers/caller.ts';
import { type Refusal, refuse } from '../errors.ts';
import type { Policy } from './policy.ts';

/** What may be asked: a text as a user would send it, or a whole request of one of the endpoints. */
const evaluationRequest = z.union([
  z.strictObject({
    text: z.string(),
    role: z.enum(['system', 'developer', 'user', 'assistant']).default('user'),
    /** Whose roles decide on it; the first that the caller may use unless given. */
    model: z.string().min(1).optional(),
  }),
  z.strictObject({
    request: z.record(z.string(), z.unknown()),
    endpoint: z
      .enum(['chat.completions', 'completions', 'embeddings', 'responses'])
      .default('chat.completions'),
  }),
]);

/** What the chain makes of a request that is not sent. */
export interface Evaluation {
  readonly outcome: 'allowed' | 'denied' | 'rejected';
  /** The status, code and message that a call would be answered with; 200 and null where it would be sent. */
  readonly status: number;
  readonly code: string | null;
  readonly message: string | null;
  readonly model: string | null;
  readonly policy: Policy['version'];
  readonly findings: readonly Finding[];
  /** Policies that would ask a model, and so were left out. */
  readonly not_asked: readonly string[];
  /** The limit on the answer that the policies would set; null: none. */
  readonly max_output_tokens: number | null;
  /** What would be sent in place of the text or request; null: what came. */
  readonly redacted: unknown;
}

/** The evaluation of a parsed body, or why it can't be read. Calls no model. */
export function evaluate(policy: Policy, caller: Caller, body: unknown): Evaluation | Refusal {
  const read = evaluationRequest.safeParse(body);
  if (!read.success) return refuse('invalid_evaluation');
  if ('text' in read.data) {
    const { text, role, model } = read.data;
    const messages = [{ role, content: text }];
    const named = model ?? modelFor(policy, caller);
    const evaluation = evaluateRequest(policy, caller, 'chat.completions', { model: named, messages });
    return { ...evaluation, redacted: firstText(evaluation.redacted) };
  }
  const { endpoint, request } = read.data;
  return evaluateRequest(policy, caller, endpoint, request);
}

function evaluateRequest(
  policy: Policy,
  caller: Caller,
  endpoint: 'chat.completions' | 'completions' | 'embeddings' | 'responses',
  body: Record<string, unknown>,
): Evaluation {
  const { version, chain } = policy;
  const not_asked = chain?.judges === true ? ['safety-filter'] : [];
  const nothing = { policy: version, findings: [], not_asked, max_output_tokens: null, redacted: null };
  const allowed = { ...nothing, outcome: 'allowed', status: 200, code: null, message: null } as const;
  const facts = factsOf(endpoint, body);
  if (isUnreadable(facts)) {
    return { ...nothing, ...told(facts.refusal), outcome: 'rejected', model: facts.model };
  }
  const { model } = facts;
  if (chain === null) return { ...allowed, model };
  const answer = chain.evaluate({ caller, endpoint, facts, body });
  const { findings } = answer;
  if (answer.refusal !== null) {
    return { ...nothing, ...told(answer.refusal), outcome: 'denied', model, findings };
  }
  const redacted = showsNoMatch(findings) ? JSON.parse(answer.bytes.toString('utf8')) : null;
  return { ...allowed, model, findings, max_output_tokens: answer.outputLimit, redacted };
}

/**
 * Whether what would be sent may be shown: something was taken out of it, and nothing that was found is still there.
 * What only passes with a flag stands in it as it came.
 */
function showsNoMatch(findings: readonly Finding[]): boolean {
  return (
    findings.some(({ action }) => action === 'redact') &&
    findings.every(({ action, policy }) => action !== 'flag' || policy === 'rbac')
  );
}

function told({ status, code, message }: Refusal): Pick<Evaluation, 'status' | 'code' | 'message'> {
  return { status, code, message };
}

/** A model that the caller may use, so that roles do not stand in the way of what is asked about the text. */
function modelFor({ models, chain }: Policy, caller: Caller): string {
  return models.find((model) => chain === null || chain.allows(caller, model)) ?? models[0] ?? 'none';
}

const sentChat = z.object({ messages: z.array(z.object({ content: z.string() })).min(1) });

function firstText(request: unknown): string | null {
  const read = sentChat.safeParse(request);
  return read.success ? (read.data.messages[0]?.content ?? null) : null;
}
