import type { LocatedDocument } from '../document/document.ts';
import { nearestName } from '../document/nearest-name.ts';
import { type Problems, readSection, unknownField } from '../document/section.ts';
import { policiesSchema } from '../schema/file-schema.ts';
import { KNOWN_POLICIES, type PolicyName } from '../schema/known-names.ts';
import type { Support } from '../support.ts';
import {
  readAuditLogger,
  readDlpFilter,
  readPiiDetector,
  readPromptInjection,
  readRbac,
  readSafetyFilter,
  type SectionReader,
} from './policy-sections.ts';
import type { PolicySettings } from './policy-settings.ts';

export interface Chain {
  readonly names: readonly PolicyName[];
  readonly maxTextBytes: number;
  readonly overMaxText: 'block' | 'flag';
}

/**
 * Reads `policies`; members of the chain that are unknown, listed twice or not enforced become problems, and `null` the
 * result, since it is then not known what the chain was meant to be.
 */
export function readChain(
  value: unknown,
  support: Support,
  document: LocatedDocument,
  problems: Problems,
): Chain | null {
  const before = problems.length;
  const section = readSection(policiesSchema, value, ['policies'], document, problems);
  const names: PolicyName[] = [];
  for (const [index, name] of (section?.chain ?? []).entries()) {
    const place = ['policies', 'chain', index];
    const known = KNOWN_POLICIES.find((policy) => policy === name);
    if (known === undefined) {
      const meant = nearestName(name, KNOWN_POLICIES);
      const known = meant === null ? `Known: ${KNOWN_POLICIES.join(', ')}.` : `Did you mean "${meant}"?`;
      problems.push(document.problem('invalid-value', place, `No policy is called "${name}". ${known}`));
    } else if (!support.policies.includes(known)) {
      problems.push(document.problem('not-available', place, notAvailable(known)));
    } else if (names.includes(known)) {
      problems.push(
        document.problem('duplicate', place, `"${known}" stands in the chain twice; remove one.`),
      );
    } else names.push(known);
  }
  if (section === undefined || problems.length !== before) return null;
  return { names, maxTextBytes: section.max_text_bytes, overMaxText: section.over_max_text_bytes };
}

/**
 * Reads the `policy` sections. A section whose policy is not in the chain is a contradiction, since it would decide
 * nothing.
 */
export function readPolicies(
  value: unknown,
  chain: readonly PolicyName[] | null,
  support: Support,
  document: LocatedDocument,
  problems: Problems,
): PolicySettings {
  let sections: object = {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) sections = value;
  else if (value !== undefined && value !== null) {
    problems.push(
      document.problem('invalid-value', ['policy'], 'Expected a mapping from policy names to settings.'),
    );
  }
  for (const name of Object.keys(sections)) {
    const known = KNOWN_POLICIES.find((policy) => policy === name);
    const place = ['policy', name];
    if (known === undefined)
      problems.push(document.problem('unknown-field', place, unknownField(name, KNOWN_POLICIES)));
    else if (!support.policies.includes(known))
      problems.push(document.problem('not-available', place, notAvailable(known)));
    else if (chain !== null && !chain.includes(known)) {
      const message = `"${known}" is not in policies.chain, so this would decide nothing: add it there, or remove this.`;
      problems.push(document.problem('contradiction', place, message));
    }
  }
  const read = <T>(name: PolicyName, reader: SectionReader<T>): T | null => {
    if (!support.policies.includes(name)) return null;
    const inChain = chain?.includes(name) === true;
    const section: unknown = Object.hasOwn(sections, name) ? Reflect.get(sections, name) : undefined;
    // A section without its policy is checked too, but one that nobody wrote is missing only where it is needed.
    if (!inChain && section === undefined) return null;
    const settings = reader(section ?? {}, ['policy', name], document, problems);
    return inChain ? (settings ?? null) : null;
  };
  return {
    promptInjection: read('prompt-injection', readPromptInjection),
    piiDetector: read('pii-detector', readPiiDetector),
    dlpFilter: read('dlp-filter', readDlpFilter),
    rbac: read('rbac', readRbac),
    safetyFilter: read('safety-filter', readSafetyFilter),
    auditLogger: read('audit-logger', readAuditLogger),
  };
}

function notAvailable(name: PolicyName): string {
  return `"${name}" is not available in this version and would not be enforced: remove it.`;
}
