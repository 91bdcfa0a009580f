import type { Application, PiiEntity, TextRole } from '../schema/policy-schemas.ts';

/** What is done about a text in which a rule found something. */
export type TextAction = 'redact' | 'block' | 'flag';

export interface PromptInjectionSettings {
  /** The score, from 0 to 1, from which on the action is taken. */
  readonly threshold: number;
  readonly action: 'block' | 'flag';
  readonly exemptRoles: readonly TextRole[];
}

export interface PiiDetectorSettings {
  readonly action: TextAction;
  readonly entities: readonly PiiEntity[];
  /** ISO 3166 codes of the countries whose national notation is understood. */
  readonly phoneRegions: readonly string[];
  readonly applyTo: readonly Application[];
  readonly restore: boolean;
}

export interface DlpExpression {
  /** Unique in the filter. */
  readonly name: string;
  /** In the syntax of RE2; it compiles. */
  readonly regex: string;
  readonly action: TextAction;
}

export interface DlpFilterSettings {
  /** The named ones first, then those of `detect_patterns`; at least one. */
  readonly expressions: readonly DlpExpression[];
  readonly applyTo: readonly Application[];
  readonly restore: boolean;
}

export interface Role {
  readonly name: string;
  readonly allowedModels: readonly string[];
  /** `null`: no limit. */
  readonly maxTokensPerRequest: number | null;
  /** What happens to a model that is not allowed. */
  readonly action: 'block' | 'flag';
  /** An empty list with `action: block`: refused whatever the caller's other roles allow. */
  readonly deniesAll: boolean;
}

export interface RbacSettings {
  readonly roles: readonly Role[];
  /** The role of callers without one of `roles`; `null`: they are refused. */
  readonly defaultRole: Role | null;
}

export interface SafetyFilterSettings {
  /** The id of the target that judges. */
  readonly target: string;
  readonly format: 'openai-moderation' | 'llama-guard';
  /** `null`: all that the endpoint names. */
  readonly categories: readonly string[] | null;
  /** `null`: the endpoint's own judgement counts. */
  readonly threshold: number | null;
  readonly action: 'block' | 'flag';
  readonly onError: 'block' | 'flag';
  readonly timeoutMs: number;
}

/** The `audit-logger` policy. Request, decision and usage are recorded whether or not it is in the chain. */
export interface AuditLogger {
  /** `true`: calls are recorded durably before they are made (`disk`), unless a target says otherwise. */
  readonly immutable: boolean;
  /** How long the audit trail has to keep the events. */
  readonly retentionDays: number;
  /** Also records model lists, policy evaluations and denied reads. */
  readonly logAllAccess: boolean;
}

/** The settings of each policy; `null` where the chain does not hold it. */
export interface PolicySettings {
  readonly promptInjection: PromptInjectionSettings | null;
  readonly piiDetector: PiiDetectorSettings | null;
  readonly dlpFilter: DlpFilterSettings | null;
  readonly rbac: RbacSettings | null;
  readonly safetyFilter: SafetyFilterSettings | null;
  readonly auditLogger: AuditLogger | null;
}
