import { Amount } from '@tollgate/money';
import type { Catalog } from '../catalog.ts';
import { ANY, type CatalogueMode } from '../file/file-schema.ts';
import type { EpochMs } from '../instant.ts';
import { assess } from '../queries/assess.ts';
import { type CatalogEntry, catalogEntry } from '../queries/entry.ts';
import { lifecycleOf } from '../queries/lifecycle.ts';
import type { Rule } from '../queries/question.ts';
import { modesFor, type Requirements } from './requirements.ts';

/** In the order in which the selection template asks, and what it leaves to the reader after that. */
export const CHECKS = [
  'mode',
  'region',
  'routing',
  'status',
  'retirement',
  'standards',
  'latency',
  'context',
  'budget',
] as const;
export type CheckName = (typeof CHECKS)[number];

export interface Check {
  readonly check: CheckName;
  readonly outcome: 'pass' | 'fail' | 'unknown';
  readonly why: string;
}

/** A model in a mode, held against what is needed. */
export interface Candidate {
  readonly entry: CatalogEntry;
  readonly checks: readonly Check[];
  /** Nothing fails. */
  readonly fits: boolean;
}

/** Whose rule says what about which check. */
const CHECK_OF: Readonly<Record<Rule, CheckName>> = {
  model_unknown: 'mode',
  model_retired: 'retirement',
  model_unavailable: 'region',
  residency_violation: 'region',
  cross_geography_not_allowed: 'routing',
  standard_not_met: 'standards',
  container_too_old: 'standards',
};

/**
 * Every model of the task in each mode that fits, the best first: what fits before what does not, then the mode that fits
 * better, fewer unknowns, what is GA, the cheaper by proposed prices, the order of the catalogue.
 */
export function candidatesFor(catalog: Catalog, requirements: Requirements, at: EpochMs): Candidate[] {
  const modes = modesFor(requirements);
  return [...catalog.models]
    .filter(({ task }) => task === requirements.task)
    .flatMap(({ model }) => modes.map((mode) => candidate(catalog, model, mode, requirements, at)))
    .filter((found) => found !== null)
    .map((found, index) => ({ found, rank: rankOf(found, modes), price: priceOf(found.entry), index }))
    .sort((one, other) => one.rank - other.rank || one.price.compare(other.price) || one.index - other.index)
    .map(({ found }) => found);
}

function candidate(
  catalog: Catalog,
  model: string,
  mode: CatalogueMode,
  requirements: Requirements,
  at: EpochMs,
): Candidate | null {
  const subject = { model, mode, region: requirements.region };
  const entry = catalogEntry(catalog, subject, at);
  if (entry === null) return null;
  const { breaches, notes } = assess(catalog, {
    ...subject,
    within: requirements.residency,
    standards: requirements.standards,
    crossGeographyAllowed: requirements.crossGeographyAllowed,
    at,
  });
  const failed = new Map(breaches.map(({ rule, message }) => [CHECK_OF[rule], message]));
  const check = (name: CheckName, unknown: string | null, pass: string): Check => {
    const why = failed.get(name);
    if (why !== undefined) return { check: name, outcome: 'fail', why };
    return unknown === null
      ? { check: name, outcome: 'pass', why: pass }
      : { check: name, outcome: 'unknown', why: unknown };
  };
  const offered = catalog.modesOf(model).has(mode);
  const routing = notes.includes('unknown-cross-geography')
    ? 'Whether it needs cross-geography processing is not known.'
    : null;
  const standards = notes.includes('unconfirmed-standard')
    ? 'Met in some regions; whether in this one is not known.'
    : notes.includes('unasserted-compliance-profile')
      ? 'Met in workspaces with the compliance security profile; have that confirmed.'
      : null;
  const checks = [
    check('mode', offered ? null : `No source says that it is served on ${mode}.`, `served on ${mode}`),
    check('region', regionUnknown(catalog, entry, at), `stated for ${requirements.region}`),
    check(
      'routing',
      routing,
      entry.cross_geography === 'needed'
        ? 'needs cross-geography processing, which is allowed'
        : 'none needed',
    ),
    statusCheck(entry, requirements),
    retirementCheck(catalog, entry, at, failed.get('retirement')),
    check('standards', standards, requirements.standards.length === 0 ? 'none asked for' : 'met'),
    latencyCheck(entry, requirements),
    contextCheck(entry, requirements),
    budgetCheck(entry, requirements),
  ];
  return { entry, checks, fits: checks.every(({ outcome }) => outcome !== 'fail') };
}

/** Why it is not known whether a model is served in a region; null where a row about that region, or its geography, says so. */
function regionUnknown(catalog: Catalog, entry: CatalogEntry, at: EpochMs): string | null {
  const stated = catalog.stated(entry, at, (row) => row.status);
  const says = stated !== null && stated.row.region !== ANY && stated.value !== 'unknown';
  return says ? null : 'No source lists its regions: verify it with Databricks.';
}

function statusCheck({ status, redirect_to }: CatalogEntry, { previews }: Requirements): Check {
  const found = (outcome: Check['outcome'], why: string): Check => ({ check: 'status', outcome, why });
  switch (status) {
    case 'GA':
      return found('pass', 'generally available');
    case 'preview':
      return found(
        previews ? 'pass' : 'fail',
        'A preview: allow it with --previews, behind a flag or with a fallback.',
      );
    case 'redirected':
      return found('fail', `Redirected to ${redirect_to ?? 'another model'}: choose that.`);
    case 'retired':
      return found('fail', 'Retired.');
    case 'unavailable':
      return found('fail', 'Not served so.');
    default:
      return found('unknown', 'No source says whether it is generally available.');
  }
}

function retirementCheck(
  catalog: Catalog,
  entry: CatalogEntry,
  at: EpochMs,
  failed: string | undefined,
): Check {
  const found = (outcome: Check['outcome'], why: string): Check => ({ check: 'retirement', outcome, why });
  if (failed !== undefined) return found('fail', failed);
  if (lifecycleOf(catalog, entry, at).notice)
    return found('fail', `Its end is near or past: ${entry.retires_on ?? 'no day is known'}.`);
  return found('pass', entry.retires_on === null ? 'no end is known' : `not before ${entry.retires_on}`);
}

function latencyCheck({ real_time, mode }: CatalogEntry, { latency }: Requirements): Check {
  const found = (outcome: Check['outcome'], why: string): Check => ({ check: 'latency', outcome, why });
  if (latency === null || latency === 'best-effort') return found('pass', 'none asked for');
  if (latency === 'batch')
    return found(mode === 'batch' ? 'pass' : 'fail', 'Batches belong to AI Functions.');
  if (real_time === null)
    return found('unknown', 'It is not among the models named for real-time inference.');
  return found(
    real_time ? 'pass' : 'fail',
    real_time ? 'named for real-time inference' : 'Not for real-time inference.',
  );
}

function contextCheck({ context_window: window }: CatalogEntry, { context }: Requirements): Check {
  const found = (outcome: Check['outcome'], why: string): Check => ({ check: 'context', outcome, why });
  if (context === null) return found('pass', 'none asked for');
  if (window === null) return found('unknown', 'Its context window is not known.');
  return found(window >= context ? 'pass' : 'fail', `${window} tokens`);
}

function budgetCheck({ proposed_price: price, mode }: CatalogEntry, { budget }: Requirements): Check {
  const found = (outcome: Check['outcome'], why: string): Check => ({ check: 'budget', outcome, why });
  if (budget === null) return found('pass', 'none asked for');
  if (price === null) {
    return found(
      'unknown',
      mode === 'provisioned-throughput'
        ? 'Billed by capacity per hour, not by tokens.'
        : 'No price is known.',
    );
  }
  const dearest = [price.input, price.output].filter((amount) => amount !== null);
  const within = dearest.every((amount) => Amount.of(amount).compare(Amount.of(budget)) <= 0);
  return found(within ? 'pass' : 'fail', `proposed ${dearest.join(' / ')} USD per million tokens`);
}

/** Each term outweighs all that follow it. */
function rankOf({ entry, checks, fits }: Candidate, modes: readonly CatalogueMode[]): number {
  const failures = checks.filter(({ outcome }) => outcome === 'fail').length;
  const unknowns = checks.filter(({ outcome }) => outcome === 'unknown').length;
  const terms = [fits ? 0 : failures, modes.indexOf(entry.mode), unknowns, Number(entry.status !== 'GA')];
  return terms.reduce((rank, term) => rank * (CHECKS.length + 1) + term, 0);
}

/** By output, which costs more; what has no price comes last. */
function priceOf({ proposed_price: price }: CatalogEntry): Amount {
  return Amount.of(price?.output ?? price?.input ?? '1000000000');
}
