import type { ServingMode } from '@tollgate/events';
import type { Catalogued } from '../catalog/catalogued.ts';
import type { Durability } from '../spool/spool.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { TargetHealth } from './target-health.ts';

/** An upstream's model. One object per loaded policy and judgement of the catalogue, never changed. */
export interface Target {
  readonly id: string;
  /** The name the upstream knows the model by. */
  readonly servedModel: string;
  readonly servingMode: ServingMode | null;
  readonly region: string | null;
  /** What the target is said to be for; null: it does not say, so everything. */
  readonly task: 'chat' | 'embeddings' | null;
  /** Where it takes invocations, below its base URL; null: it has no such path. */
  readonly invocationsPath: string | null;
  /** Whether it takes nothing but invocations. */
  readonly onlyInvocations: boolean;
  /** Whether the upstream takes `client_request_id` and `usage_context` in the body. */
  readonly takesAttribution: boolean;
  /** How safe request and decision have to be before the upstream is called, where the route does not say. */
  readonly durability: Durability;
  /** The longest an attempt at this target may take, in milliseconds; null: as long as a call. */
  readonly totalTimeoutMs: number | null;
  readonly upstream: Upstream;
  readonly health: TargetHealth;
  /** What is asked for on the upstream's origin to learn whether the target is well; null: nothing is. */
  readonly probePath: string | null;
  readonly catalogued: Catalogued;
}
