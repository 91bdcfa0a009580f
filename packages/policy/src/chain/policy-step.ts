import type { PolicyName } from '../configuration/schema/known-names.ts';
import type { Redactions } from '../texts/redactions.ts';
import type { TextPart } from '../texts/request-texts.ts';

/** What a policy found, without the text it found it in. */
export interface Finding {
  /** The policy; `policies` for what holds for the chain as a whole. */
  readonly policy: string;
  readonly rule: string;
  /** `allow`: nothing is wrong, but it has to be said. */
  readonly action: 'allow' | 'flag' | 'redact' | 'block';
  readonly count: number;
}

/** Why a request is refused: a code to record, a status and a message to answer with. */
export interface Denial {
  readonly policy: string;
  readonly code: string;
  readonly status: 400 | 403 | 413 | 503;
  /** For the caller; holds names of policies, roles and models, and no text of the request. */
  readonly message: string;
}

/** What a policy knows of a request. */
export interface StepContext {
  /** As the request names it. */
  readonly model: string;
  /** The caller's roles. */
  readonly roles: readonly string[];
  /** The limit that the request itself sets; `null`: none. */
  readonly maxOutputTokens: number | null;
  /** How many answers it asks for. */
  readonly choices: number;
  /** Whether the answer is generated, and can have a length at all; embeddings are not. */
  readonly generates: boolean;
  /** Where the texts come from. */
  readonly parts: readonly TextPart[];
  /** The texts as earlier policies left them, one for each part. */
  readonly texts: readonly string[];
  readonly redactions: Redactions;
}

/** What a policy makes of a request. */
export interface StepVerdict {
  readonly denial: Denial | null;
  readonly findings: readonly Finding[];
  /** The texts with its rewriting; `null`: as they were. */
  readonly texts: readonly string[] | null;
  /** What the answer has to be limited to; `null`: it sets no limit. */
  readonly maxOutputTokens: number | null;
}

/** One policy of the chain, ready to be asked. Its answer depends on nothing but the context. */
export interface PolicyStep {
  readonly name: PolicyName;
  /** Whether it looks at texts, which then have to be collected. */
  readonly readsTexts: boolean;
  evaluate(context: StepContext): StepVerdict;
}

/** The verdict of a policy that has nothing to say. */
export const PASSED: StepVerdict = { denial: null, findings: [], texts: null, maxOutputTokens: null };
