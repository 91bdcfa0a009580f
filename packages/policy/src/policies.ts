import { type AuditLogger, KNOWN_POLICIES, type PolicyName } from './config.ts';
import type { LocatedDocument } from './document.ts';
import { nearestName } from './nearest-name.ts';
import { auditLoggerSchema, policiesSchema } from './schema.ts';
import { type Problems, readSection, unknownField } from './section.ts';

/** The policies that are enforced; any other is refused, because a rule that is ignored is worse than none. */
const AVAILABLE: readonly PolicyName[] = ['audit-logger'];

/**
 * Reads `policies.chain`; members that are unknown, listed twice or not enforced become problems, and `null` the result,
 * since it is then not known what the chain was meant to be.
 */
export function readChain(
  value: unknown,
  document: LocatedDocument,
  problems: Problems,
): readonly PolicyName[] | null {
  const before = problems.length;
  const section = readSection(policiesSchema, value, ['policies'], document, problems);
  const chain: PolicyName[] = [];
  for (const [index, name] of (section?.chain ?? []).entries()) {
    const place = ['policies', 'chain', index];
    const known = KNOWN_POLICIES.find((policy) => policy === name);
    if (known === undefined) {
      const meant = nearestName(name, KNOWN_POLICIES);
      const known = meant === null ? `Known: ${KNOWN_POLICIES.join(', ')}.` : `Did you mean "${meant}"?`;
      problems.push(document.problem('invalid-value', place, `No policy is called "${name}". ${known}`));
    } else if (!AVAILABLE.includes(known)) {
      problems.push(document.problem('not-available', place, notAvailable(known)));
    } else if (chain.includes(known)) {
      problems.push(
        document.problem('duplicate', place, `"${known}" stands in the chain twice; remove one.`),
      );
    } else chain.push(known);
  }
  return problems.length === before ? chain : null;
}

/**
 * Reads the `policy` sections. A section whose policy is not in the chain is a contradiction, since it would decide
 * nothing.
 */
export function readPolicies(
  value: unknown,
  chain: readonly PolicyName[] | null,
  document: LocatedDocument,
  problems: Problems,
): { readonly auditLogger: AuditLogger | null } {
  const sections = value ?? {};
  if (typeof sections !== 'object' || Array.isArray(sections)) {
    problems.push(
      document.problem('invalid-value', ['policy'], 'Expected a mapping from policy names to settings.'),
    );
    return { auditLogger: null };
  }
  for (const name of Object.keys(sections)) {
    const known = KNOWN_POLICIES.find((policy) => policy === name);
    const place = ['policy', name];
    if (known === undefined)
      problems.push(document.problem('unknown-field', place, unknownField(name, KNOWN_POLICIES)));
    else if (!AVAILABLE.includes(known))
      problems.push(document.problem('not-available', place, notAvailable(known)));
    else if (chain !== null && !chain.includes(known)) {
      const message = `"${known}" is not in policies.chain, so this would decide nothing: add it there, or remove this.`;
      problems.push(document.problem('contradiction', place, message));
    }
  }
  return { auditLogger: readAuditLogger(Reflect.get(sections, 'audit-logger'), chain, document, problems) };
}

function readAuditLogger(
  value: unknown,
  chain: readonly PolicyName[] | null,
  document: LocatedDocument,
  problems: Problems,
): AuditLogger | null {
  const section = readSection(auditLoggerSchema, value ?? {}, ['policy', 'audit-logger'], document, problems);
  if (section === undefined || chain?.includes('audit-logger') !== true) return null;
  return {
    immutable: section.immutable,
    retentionDays: section.retention_days,
    logAllAccess: section.log_all_access,
  };
}

function notAvailable(name: PolicyName): string {
  return `"${name}" is not available in this version and would not be enforced: remove it.`;
}
