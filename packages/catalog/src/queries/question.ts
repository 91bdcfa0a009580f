import type { ComplianceStandard } from '@tollgate/policy';
import type { Catalog, Subject } from '../catalog.ts';
import type { CatalogueMode } from '../file/file-schema.ts';
import type { EpochMs } from '../instant.ts';
import type { Lifecycle } from './lifecycle.ts';

/** What forbids a call. */
export type Rule =
  | 'model_unknown'
  | 'model_retired'
  | 'model_unavailable'
  | 'residency_violation'
  | 'cross_geography_not_allowed'
  | 'standard_not_met'
  | 'container_too_old';

/** What is to be said of a call that is let through. */
export type Note =
  | 'unknown-model'
  | 'retired-model'
  | 'unavailable-model'
  | 'redirected-model'
  | 'preview-model'
  | 'cross-geography'
  | 'unknown-cross-geography'
  | 'unconfirmed-standard'
  | 'unasserted-compliance-profile'
  | 'unknown-container-age';

/** A call that may be made or not. */
export interface Question {
  /** A model, or an endpoint of the customer's own. */
  readonly model: string;
  readonly mode: CatalogueMode;
  /** Where it is served; `null`: nobody says. */
  readonly region: string | null;
  /** The region or geography in which it has to be; `null`: anywhere. */
  readonly within?: string | null;
  readonly standards: readonly ComplianceStandard[];
  /** `null`: nothing is said of it, so what needs it is noted and not refused. */
  readonly crossGeographyAllowed: boolean | null;
  readonly at: EpochMs;
  /** Whether what the catalogue does not know is refused rather than noted. */
  readonly requireKnown?: boolean;
  /** `false`: a retired or unavailable model is noted; whoever would serve it refuses by itself. */
  readonly refuseRetired?: boolean;
}

/** Why a call is forbidden. */
export interface Breach {
  readonly rule: Rule;
  /** For people; names models, modes, regions and standards. */
  readonly message: string;
}

/** What the catalogue makes of a call, whether or not it is allowed. */
export interface Assessment {
  /** What will answer: the model asked for, what the endpoint serves, or what it is redirected to. */
  readonly servedModel: string;
  /** Of the model asked for. */
  readonly lifecycle: Lifecycle;
  readonly breaches: readonly Breach[];
  readonly notes: readonly Note[];
}

/** What the catalogue knows a model or an endpoint of the customer's own by. */
export function subjectOf(
  catalog: Catalog,
  { model, mode, region }: Pick<Question, 'model' | 'mode' | 'region'>,
): Subject {
  return { model: catalog.endpoint(model)?.model ?? model, mode, region };
}
