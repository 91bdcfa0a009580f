import type { Durability, TargetServingMode } from './schema.ts';

/** The policies that the full schema knows, in the order in which its documentation lists them. */
export const KNOWN_POLICIES = [
  'prompt-injection',
  'pii-detector',
  'dlp-filter',
  'rbac',
  'safety-filter',
  'audit-logger',
] as const;
export type PolicyName = (typeof KNOWN_POLICIES)[number];

/** What kind of upstream a target is, and the model it serves there. */
export interface Provider {
  /** `databricks`: knows Databricks' members and error bodies; `openai-compatible`: the plain protocol. */
  readonly kind: 'databricks' | 'openai-compatible';
  /** The endpoint's or model's name, upstream and in requests. */
  readonly model: string;
  /** What the provider string says it is for; `null`: it does not say, so both. */
  readonly task: 'chat' | 'embeddings' | null;
}

/** One upstream. */
export interface Target {
  readonly id: string;
  readonly provider: Provider;
  /** Without a trailing slash: `${baseUrl}/chat/completions` is called. */
  readonly baseUrl: string;
  /** The environment variable that holds the credential, never the credential; `null`: none is sent. */
  readonly secretKeyRef: { readonly env: string } | null;
  readonly format: 'openai';
  /** From the call's beginning to the answer's last byte. */
  readonly timeoutMs: number;
  readonly healthProbe: boolean;
  readonly dataPolicy: { readonly zeroDataRetention: boolean };
  readonly durability: Durability;
  readonly servingMode: TargetServingMode;
  readonly region: string | null;
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

/** A policy configuration as loaded: checked, complete, deeply frozen, without a secret in it. */
export interface PolicyConfig {
  readonly file: string;
  /** SHA-256 of the file's bytes, 64 hex digits. */
  readonly digest: string;
  readonly pack: { readonly name: string; readonly version: string; readonly enabled: boolean };
  readonly targets: readonly Target[];
  readonly targetsByModel: ReadonlyMap<string, Target>;
  /** In the order in which they decide. */
  readonly chain: readonly PolicyName[];
  /** `null` where the chain does not hold it. */
  readonly auditLogger: AuditLogger | null;
}
