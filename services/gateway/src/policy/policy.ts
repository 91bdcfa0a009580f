import type { ServingMode } from '@tollgate/events';
import type { Endpoint, RequestFacts } from '../body/request-body.ts';
import type { Caller } from '../callers/caller.ts';
import type { Durability } from '../spool/spool.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** Where calls for a model go. One object per loaded policy, never changed. */
export interface Target {
  readonly id: string;
  /** The name the upstream knows the model by. */
  readonly servedModel: string;
  readonly servingMode: ServingMode | null;
  readonly region: string | null;
  /** What the target is said to be for; null: it does not say, so everything. */
  readonly task: 'chat' | 'embeddings' | null;
  /** Whether the upstream takes `client_request_id` and `usage_context` in the body. */
  readonly takesAttribution: boolean;
  /** How safe request and decision have to be before the upstream is called. */
  readonly durability: Durability;
  /** The longest a call may take in all, in milliseconds; null: the gateway's own bound. */
  readonly totalTimeoutMs: number | null;
  readonly upstream: Upstream;
}

/** What a policy found, without the text it found it in. */
export interface Finding {
  readonly policy: string;
  readonly rule: string;
  readonly action: 'allow' | 'flag' | 'redact' | 'block';
  readonly count: number;
}

/** What the chain makes of a request. */
export interface Verdict {
  readonly outcome: 'allowed' | 'denied';
  /** The coded reason; null where allowed. */
  readonly code: string | null;
  readonly findings: readonly Finding[];
}

export interface DecisionContext {
  readonly caller: Caller;
  readonly endpoint: Endpoint;
  readonly facts: RequestFacts;
  readonly target: Target;
}

/** The loaded policy, as the hot path asks it; replaced as a whole when the configuration changes. */
export interface Policy {
  readonly version: { readonly name: string; readonly version: string; readonly digest: string };
  /** Whether calls are refused rather than let pass unrecorded. */
  readonly audited: boolean;
  /** How long the audit trail keeps events; null: as long as its own default says. */
  readonly retentionDays: number | null;
  readonly models: readonly string[];
  targetFor(model: string): Target | null;
  decide(context: DecisionContext): Verdict;
}
