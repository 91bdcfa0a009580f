import type { PayloadCapture } from './payload-capture.ts';
import type { PolicySettings } from './policies/policy-settings.ts';
import type { ComplianceStandard, Durability, TargetServingMode } from './schema/file-schema.ts';
import type { PolicyName } from './schema/known-names.ts';

/** What kind of upstream a target is, and the model it serves there. */
export interface Provider {
  /** `databricks`: knows Databricks' members and error bodies; `openai-compatible`: the plain protocol. */
  readonly kind: 'databricks' | 'openai-compatible';
  /** The endpoint's or model's name, upstream and in requests. */
  readonly model: string;
  /** What the provider string says it is for; `null`: it does not say, so both. */
  readonly task: 'chat' | 'embeddings' | null;
}

/** What the customer asserts about an upstream; nobody can check it from here. */
export interface DataPolicy {
  readonly zeroDataRetention: boolean;
  readonly assertedBy: string | null;
  /** `YYYY-MM-DD`. */
  readonly assertedOn: string | null;
}

/** Where tokens of a service principal come from; the names of variables, never their values. */
export interface OAuthRef {
  readonly clientId: { readonly env: string };
  readonly clientSecret: { readonly env: string };
  readonly tokenUrl: string;
  readonly scope: string;
}

/** One upstream. */
export interface Target {
  readonly id: string;
  readonly provider: Provider;
  /** Without a trailing slash: `${baseUrl}/chat/completions` is called. */
  readonly baseUrl: string;
  /** The environment variable that holds the credential, never the credential; `null`: there is none. */
  readonly secretKeyRef: { readonly env: string } | null;
  /** Tokens by OAuth in its place; where both are `null`, no credential is sent. */
  readonly oauth: OAuthRef | null;
  readonly format: 'openai';
  /** From the call's beginning to the answer's last byte. */
  readonly timeoutMs: number;
  readonly healthProbe: boolean;
  readonly dataPolicy: DataPolicy;
  readonly durability: Durability;
  readonly servingMode: TargetServingMode;
  readonly region: string | null;
}

/** A target of a route. */
export interface RouteTarget {
  readonly target: Target;
  /** Its share of the route's traffic, as a part of the sum of all; 0: a fallback only. */
  readonly weight: number;
}

/** Where requests for a model go. */
export interface Route {
  /** The name that requests give. */
  readonly model: string;
  /** In the order in which they are fallbacks; at least one, at least one of them with a weight. */
  readonly targets: readonly RouteTarget[];
  /** `null`: each target's own. */
  readonly durability: Durability | null;
  /** Sizes alone where one of the targets keeps no data. */
  readonly payloads: PayloadCapture;
  /** Sent upstream where a request limits its answer by nothing; `null`: nothing is. */
  readonly defaultMaxOutputTokens: number | null;
  /** Where calls have to be processed; `null`: anywhere. */
  readonly region: string | null;
  readonly requiredStandards: readonly ComplianceStandard[];
  /** `null` where the file says nothing about this route, because it has no entry under `routes`. */
  readonly allowCrossGeography: boolean | null;
  /** The flag that has to be on for the route to be served; `null`: always. */
  readonly featureFlag: string | null;
}

/** A policy configuration as loaded: checked, complete, deeply frozen, without a secret in it. */
export interface PolicyConfig {
  readonly file: string;
  /** SHA-256 of the file's bytes, 64 hex digits. */
  readonly digest: string;
  readonly pack: { readonly name: string; readonly version: string; readonly enabled: boolean };
  readonly targets: readonly Target[];
  /** One for each model that can be asked for: those of the file, and one for each target's model that has none. */
  readonly routes: readonly Route[];
  readonly routesByModel: ReadonlyMap<string, Route>;
  /** In the order in which they decide. */
  readonly chain: readonly PolicyName[];
  /** The most text of a request that the chain looks at, in bytes of UTF-8. */
  readonly maxTextBytes: number;
  /** `block`: a request with more text is refused; `flag`: it passes unread, with a finding. */
  readonly overMaxText: 'block' | 'flag';
  /** The settings of each policy; `null` where the chain does not hold it. */
  readonly policies: PolicySettings;
  /** The same as `policies.auditLogger`. */
  readonly auditLogger: PolicySettings['auditLogger'];
  readonly featureFlags: ReadonlyMap<string, boolean>;
  readonly catalog: {
    readonly requireKnown: boolean;
    readonly refuseRetired: boolean;
    /** As the file names it, from its own folder. */
    readonly file: string | null;
  };
}
