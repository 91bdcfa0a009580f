import type { RouteClearance } from '@tollgate/catalog';
import type { Finding, PayloadCapture } from '@tollgate/policy';
import type { Endpoint } from '../body/protocol.ts';
import type { RequestFacts } from '../body/request-body.ts';
import type { Caller } from '../callers/caller.ts';
import type { BarredRoute } from '../catalog/barred-route.ts';
import type { Refusal } from '../errors.ts';
import type { OutputRules } from '../output/output-rules.ts';
import type { Route } from '../routing/route.ts';
import type { Target } from '../routing/target.ts';

/** A request that the chain is to decide on. */
export interface ChainQuestion {
  readonly caller: Caller;
  readonly endpoint: Endpoint;
  readonly facts: RequestFacts;
  /** As parsed; what is redacted is rewritten in it. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** What the chain found in a request, never the text it found it in, and what becomes of the request. */
export type ChainAnswer =
  | { readonly refusal: Refusal; readonly findings: readonly Finding[] }
  | {
      readonly refusal: null;
      readonly findings: readonly Finding[];
      /** Of what is sent in place of the body that came. */
      readonly facts: RequestFacts;
      readonly bytes: Buffer;
      /** `max_tokens` to set upstream; null where the body's own limit holds, or none is asked for. */
      readonly outputLimit: number | null;
      /** What holds for the answer; null where it passes as it comes. */
      readonly output: OutputRules | null;
    };

/** A request that somebody else has to judge before the chain can decide. */
export interface PendingAnswer {
  /** How long its judge may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Asks the judge and goes on with what it says; may reject, and the request must not be sent then. */
  judge(signal: AbortSignal): Promise<ChainAnswer>;
}

/** The policies that decide on requests, in their order. */
export interface RequestChain {
  /** May throw; the request must not be sent then. */
  decide(question: ChainQuestion): ChainAnswer | PendingAnswer;
  /** The same of a request that is not to be sent: no judge is asked. May throw. */
  evaluate(question: ChainQuestion): ChainAnswer;
  /** Whether a judge is asked about requests with texts. */
  readonly judges: boolean;
  /** Whether the caller's roles allow a model. */
  allows(caller: Caller, model: string): boolean;
}

/** The loaded policy, as the hot path asks it; replaced as a whole when the configuration changes. */
export interface Policy {
  readonly version: { readonly name: string; readonly version: string; readonly digest: string };
  /** Whether calls are refused rather than let pass unrecorded. */
  readonly audited: boolean;
  /** Whether readings besides inference are recorded, too: lists of models, evaluations, and those refused. */
  readonly logsAllAccess: boolean;
  /** How long the audit trail keeps events; null: as long as its own default says. */
  readonly retentionDays: number | null;
  readonly models: readonly string[];
  readonly targets: readonly Target[];
  /** Null where no policy decides on requests: their bytes go on as they came. */
  readonly chain: RequestChain | null;
  /**
   * Where requests that name this model go, at `nowMs` since the epoch; null: nowhere. One look-up in a map, and two
   * comparisons.
   */
  routeFor(model: string, nowMs: number): Route | BarredRoute | null;
  /** What the catalogue makes of each route, at `nowMs` since the epoch. */
  clearances(nowMs: number): readonly RouteClearance[];
  /** What the vault keeps of calls for a model; null: nothing. */
  payloadsFor(model: string): PayloadCapture | null;
  /** Whether it keeps anything of any call; `required`: and calls depend on that. */
  readonly payloads: 'required' | 'best-effort' | 'none';
}
