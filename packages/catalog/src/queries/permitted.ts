import type { ComplianceStandard } from '@tollgate/policy';
import type { Catalog, Subject } from '../catalog.ts';
import type { CatalogueMode } from '../file/file-schema.ts';
import type { EpochMs } from '../instant.ts';
import { type Lifecycle, lifecycleOf } from './lifecycle.ts';
import {
  type Alternative,
  describeAlternative,
  nearestAlternative,
  type Offer,
} from './nearest-alternative.ts';
import {
  containerBreach,
  crossGeographyBreach,
  type Judged,
  residencyBreach,
  standardBreaches,
} from './rules.ts';

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

export type Verdict =
  | ({ readonly allowed: true } & Assessment)
  | ({
      readonly allowed: false;
      readonly rule: Rule;
      readonly message: string;
      readonly alternative: Alternative | null;
    } & Assessment);

/** More redirects than any chain of them has. */
const MAX_REDIRECTS = 8;

/**
 * Whether a call may be made, at an instant. Where it may not, the first rule against it, and the nearest that may.
 *
 * @param offers what is at hand; its alternatives come before those of the catalogue at large
 */
export function permitted(catalog: Catalog, question: Question, offers: readonly Offer[] = []): Verdict {
  const assessment = assess(catalog, question);
  const [first] = assessment.breaches;
  if (first === undefined) return { allowed: true, ...assessment };
  const alternative = nearestAlternative(catalog, question, offers);
  const advice =
    alternative === null
      ? 'Nothing in the catalogue is permitted instead.'
      : `Nearest permitted: ${describeAlternative(alternative)}.`;
  return {
    allowed: false,
    rule: first.rule,
    message: `${first.message} ${advice}`,
    alternative,
    ...assessment,
  };
}

/** The same without looking for an alternative. */
export function assess(catalog: Catalog, question: Question): Assessment {
  const { requireKnown = false, refuseRetired = true } = question;
  const breaches: Breach[] = [];
  const notes = new Set<Note>();
  const asked = subjectOf(catalog, question);
  if (catalog.model(asked.model) === null) {
    const message = `The catalogue does not know "${question.model}": add it to the catalogue file.`;
    if (requireKnown) breaches.push({ rule: 'model_unknown', message });
    else notes.add('unknown-model');
  }
  const lifecycle = lifecycleOf(catalog, asked, question.at);
  const subject = followed(catalog, asked, question.at);
  const { status } = lifecycleOf(catalog, subject, question.at);
  if (lifecycle.status === 'redirected') notes.add('redirected-model');
  if (status === 'preview') notes.add('preview-model');
  if (status === 'retired') {
    if (refuseRetired) breaches.push({ rule: 'model_retired', message: retiredMessage(asked, lifecycle) });
    else notes.add('retired-model');
  }
  if (status === 'unavailable') {
    const where = question.region === null ? '' : ` in ${question.region}`;
    const message = `${subject.model} is not served on ${subject.mode}${where}.`;
    if (refuseRetired) breaches.push({ rule: 'model_unavailable', message });
    else notes.add('unavailable-model');
  }
  const judged: Judged = { catalog, question, subject, requireKnown, notes };
  breaches.push(
    ...residencyBreach(judged),
    ...crossGeographyBreach(judged),
    ...standardBreaches(judged),
    ...containerBreach(judged),
  );
  return { servedModel: servedName(question, asked, subject), lifecycle, breaches, notes: [...notes] };
}

/** What the catalogue knows a model or an endpoint of the customer's own by. */
export function subjectOf(
  catalog: Catalog,
  { model, mode, region }: Pick<Question, 'model' | 'mode' | 'region'>,
): Subject {
  return { model: catalog.endpoint(model)?.model ?? model, mode, region };
}

/** Where redirects lead. Where one's destination is not known, it stays. */
function followed(catalog: Catalog, asked: Subject, at: EpochMs): Subject {
  let subject = asked;
  for (let hops = 0; hops < MAX_REDIRECTS; hops += 1) {
    const { status, redirectTo } = lifecycleOf(catalog, subject, at);
    if (status !== 'redirected' || redirectTo === null) break;
    subject = { ...subject, model: redirectTo };
  }
  return subject;
}

/** An endpoint of the customer's own keeps its name, since that is what bills and logs know it by. */
function servedName(question: Question, asked: Subject, subject: Subject): string {
  return subject.model === asked.model ? question.model : subject.model;
}

function retiredMessage({ model, mode }: Subject, { goneMs }: Lifecycle): string {
  const since = goneMs === null ? '' : ` since ${new Date(goneMs).toISOString().slice(0, 10)}`;
  return `${model} is retired on ${mode}${since}.`;
}
