import type { ComplianceStandard } from '@tollgate/policy';
import type { Catalog, Subject } from '../catalog.ts';
import { DAY_MS, dayText, epochMs } from '../instant.ts';
import type { Breach, Note, Question } from './question.ts';

/** What the rules look at. */
export interface Judged {
  readonly catalog: Catalog;
  readonly question: Question;
  /** What answers in the end. */
  readonly subject: Subject;
  readonly requireKnown: boolean;
  /** Added to. */
  readonly notes: Set<Note>;
}

/** A call has to go to the region, or into the geography, that is asked for, unless it may leave the geography anyway. */
export function residencyBreach({ catalog, question }: Judged): Breach[] {
  const { within = null, region, model, crossGeographyAllowed } = question;
  if (within === null || region === within) return [];
  if (region === null) {
    const message = `Calls have to be processed in ${within}, and where ${model} is served is not said: give its target a region.`;
    return [{ rule: 'residency_violation', message }];
  }
  const geography = catalog.geographyOf(within);
  if (geography === within && catalog.geographyOf(region) === geography) return [];
  if (crossGeographyAllowed === true) return [];
  return [
    {
      rule: 'residency_violation',
      message: `Calls have to be processed in ${within}, and ${model} is served in ${region}.`,
    },
  ];
}

/** Models that are processed in another geography need it to be allowed. */
export function crossGeographyBreach({ catalog, question, subject, requireKnown, notes }: Judged): Breach[] {
  const allowed = question.crossGeographyAllowed;
  if (allowed === true) return [];
  const need = catalog.stated(subject, question.at, (row) => row.cross_geography)?.value ?? 'unknown';
  const where = question.region === null ? '' : ` in ${question.region}`;
  if (need === 'needed') {
    if (allowed === null) {
      notes.add('cross-geography');
      return [];
    }
    const message = `${subject.model} on ${subject.mode}${where} needs cross-geography processing, which is not allowed here.`;
    return [{ rule: 'cross_geography_not_allowed', message }];
  }
  if (need === 'not-needed' || allowed === null || question.region === null) return [];
  if (catalog.model(subject.model) === null && !hosted(subject)) return [];
  const message = `Whether ${subject.model} on ${subject.mode}${where} needs cross-geography processing is not known, and it is not allowed here.`;
  if (requireKnown) return [{ rule: 'cross_geography_not_allowed', message }];
  notes.add('unknown-cross-geography');
  return [];
}

/** Each standard that is asked for has to be met by how and where the model is served. */
export function standardBreaches(judged: Judged): Breach[] {
  return judged.question.standards.flatMap((standard) => standardBreach(judged, standard));
}

function standardBreach(
  { catalog, question, subject, requireKnown, notes }: Judged,
  standard: ComplianceStandard,
): Breach[] {
  const support =
    catalog.stated(subject, question.at, (row) => row.standards?.[standard])?.value ?? 'unknown';
  const where = question.region === null ? '' : ` in ${question.region}`;
  const refused = (why: string): Breach[] => [{ rule: 'standard_not_met', message: `${standard} ${why}.` }];
  switch (support) {
    case 'met':
      return [];
    case 'with-profile': {
      const profile = catalog.endpoint(question.model)?.compliance_profile;
      if (profile?.enabled === false) {
        return refused(
          `is met by ${subject.mode} with the compliance security profile only, which ${question.model} is said not to have`,
        );
      }
      if (profile === undefined) notes.add('unasserted-compliance-profile');
      return [];
    }
    case 'some-regions':
      if (requireKnown)
        return refused(
          `is met by ${subject.mode} in some regions, and whether${where === '' ? ' here' : where} is not known: say so in the catalogue file`,
        );
      notes.add('unconfirmed-standard');
      return [];
    case 'not-met':
      return refused(`is not met by ${subject.model} on ${subject.mode}${where}`);
    case 'unknown':
      return refused(
        `is not known to be met by ${subject.model} on ${subject.mode}${where}: if it is, say so in the catalogue file`,
      );
  }
}

/** Where standards ask for a container of the last days, an older one does not meet them. */
export function containerBreach({ catalog, question, subject, requireKnown, notes }: Judged): Breach[] {
  if (question.standards.length === 0) return [];
  const days = catalog.stated(subject, question.at, (row) => row.max_container_age_days)?.value;
  if (days === undefined) return [];
  const standards = question.standards.join(', ');
  const built = catalog.endpoint(question.model)?.container_built_on;
  if (built === undefined) {
    if (!requireKnown) {
      notes.add('unknown-container-age');
      return [];
    }
    const message = `${standards} needs a served container of the last ${days} days, and when that of ${question.model} was built is not known: import it into the catalogue file.`;
    return [{ rule: 'container_too_old', message }];
  }
  if (question.at < epochMs(built) + days * DAY_MS) return [];
  const message = `${standards} needs a served container of the last ${days} days, and that of ${question.model} is of ${dayText(epochMs(built))}.`;
  return [{ rule: 'container_too_old', message }];
}

/** Whether Databricks itself serves the model, so that its rules about geographies hold. */
function hosted({ mode }: Subject): boolean {
  return mode === 'pay-per-token' || mode === 'provisioned-throughput' || mode === 'batch';
}
