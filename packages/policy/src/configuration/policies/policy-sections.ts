import { RE2JS } from 're2js';
import type { FieldPath, LocatedDocument } from '../document/document.ts';
import { nearestName } from '../document/nearest-name.ts';
import { type Problems, readSection } from '../document/section.ts';
import {
  type Application,
  auditLoggerSchema,
  dlpFilterSchema,
  piiDetectorSchema,
  promptInjectionSchema,
  rbacSchema,
  safetyFilterSchema,
} from '../schema/policy-schemas.ts';
import type {
  AuditLogger,
  DlpExpression,
  DlpFilterSettings,
  PiiDetectorSettings,
  PromptInjectionSettings,
  RbacSettings,
  Role,
  SafetyFilterSettings,
} from './policy-settings.ts';

/** Reads one section under `policy`; `undefined` where something is wrong with it. */
export type SectionReader<T> = (
  value: unknown,
  path: FieldPath,
  document: LocatedDocument,
  problems: Problems,
) => T | undefined;

export const readPromptInjection: SectionReader<PromptInjectionSettings> = (
  value,
  path,
  document,
  problems,
) => {
  const section = readSection(promptInjectionSchema, value, path, document, problems);
  if (section === undefined) return undefined;
  return { threshold: section.threshold, action: section.action, exemptRoles: section.exempt_roles };
};

export const readPiiDetector: SectionReader<PiiDetectorSettings> = (value, path, document, problems) => {
  const section = readSection(piiDetectorSchema, value, path, document, problems);
  if (section === undefined) return undefined;
  if (section.restore && section.action !== 'redact') {
    const message =
      'Nothing is redacted, so there is nothing to restore: set action: redact, or remove this.';
    problems.push(document.problem('contradiction', [...path, 'restore'], message));
  }
  checkRestorable(section, path, document, problems);
  return {
    action: section.action,
    entities: section.entities,
    phoneRegions: section.phone_regions,
    applyTo: section.apply_to,
    restore: section.restore,
  };
};

export const readDlpFilter: SectionReader<DlpFilterSettings> = (value, path, document, problems) => {
  const section = readSection(dlpFilterSchema, value, path, document, problems);
  if (section === undefined) return undefined;
  const expressions: DlpExpression[] = [];
  const names = new Set<string>();
  for (const [index, { name, regex, action }] of section.patterns.entries()) {
    const place = [...path, 'patterns', index];
    if (names.has(name)) {
      problems.push(
        document.problem('duplicate', [...place, 'name'], `Another pattern is called "${name}".`),
      );
    }
    names.add(name);
    checkExpression(regex, [...place, 'regex'], document, problems);
    expressions.push({ name, regex, action: action ?? section.action });
  }
  for (const [index, regex] of section.detect_patterns.entries()) {
    checkExpression(regex, [...path, 'detect_patterns', index], document, problems);
    expressions.push({ name: `detect_patterns[${index}]`, regex, action: section.action });
  }
  if (expressions.length === 0) {
    const message =
      'Without patterns or detect_patterns this would find nothing: add one, or leave the policy out.';
    problems.push(document.problem('missing-field', [...path, 'patterns'], message));
  }
  if (section.restore && !expressions.some(({ action }) => action === 'redact')) {
    const message =
      'Nothing is redacted, so there is nothing to restore: set action: redact, or remove this.';
    problems.push(document.problem('contradiction', [...path, 'restore'], message));
  }
  checkRestorable(section, path, document, problems);
  return { expressions, applyTo: section.apply_to, restore: section.restore };
};

/** What is restored in answers is what was redacted in the request. */
function checkRestorable(
  section: { readonly restore: boolean; readonly apply_to: readonly Application[] },
  path: FieldPath,
  document: LocatedDocument,
  problems: Problems,
): void {
  if (!section.restore || section.apply_to.includes('input')) return;
  const message =
    'Requests are not looked at, so there is nothing to restore: add input to apply_to, or remove this.';
  problems.push(document.problem('contradiction', [...path, 'restore'], message));
}

function checkExpression(
  regex: string,
  path: FieldPath,
  document: LocatedDocument,
  problems: Problems,
): void {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(regex);
  } catch (error) {
    const reason = error instanceof Error && 'error' in error ? ` (${String(error.error)})` : '';
    const message = `This is no regular expression of RE2${reason}; look-around and back-references are not in it.`;
    problems.push(document.problem('invalid-value', path, message));
    return;
  }
  if (compiled.test('')) {
    const message =
      'This matches the empty text, and so every request: let it require at least one character.';
    problems.push(document.problem('invalid-value', path, message));
  }
}

export const readRbac: SectionReader<RbacSettings> = (value, path, document, problems) => {
  const section = readSection(rbacSchema, value, path, document, problems);
  if (section === undefined) return undefined;
  const roles: Role[] = [];
  for (const [name, role] of Object.entries(section.roles)) {
    const none = role.allowed_models.length === 0;
    if (none && role.max_tokens_per_request !== undefined && role.action !== 'flag') {
      const message = 'No model is allowed, so no tokens are: add models, or remove this.';
      const place = [...path, 'roles', name, 'max_tokens_per_request'];
      problems.push(document.problem('contradiction', place, message));
    }
    roles.push({
      name,
      allowedModels: role.allowed_models,
      maxTokensPerRequest: role.max_tokens_per_request ?? null,
      action: role.action ?? 'block',
      deniesAll: none && role.action === 'block',
    });
  }
  if (roles.length === 0) {
    const message = 'Without roles every request would be refused: add one, or leave the policy out.';
    problems.push(document.problem('missing-field', [...path, 'roles'], message));
  }
  const defaultRole = roles.find(({ name }) => name === section.default_role) ?? null;
  if (section.default_role !== undefined && defaultRole === null) {
    const names = roles.map(({ name }) => name);
    const meant = nearestName(section.default_role, names) ?? names.join('" or "');
    const message = `No role is called "${section.default_role}": "${meant}"?`;
    problems.push(document.problem('contradiction', [...path, 'default_role'], message));
  }
  return { roles, defaultRole };
};

export const readSafetyFilter: SectionReader<SafetyFilterSettings> = (value, path, document, problems) => {
  const section = readSection(safetyFilterSchema, value, path, document, problems);
  if (section === undefined) return undefined;
  if (section.format === 'llama-guard' && section.threshold !== undefined) {
    const message = 'llama-guard answers without scores: remove this.';
    problems.push(document.problem('contradiction', [...path, 'threshold'], message));
  }
  return {
    target: section.target,
    format: section.format,
    categories: section.categories ?? null,
    threshold: section.threshold ?? null,
    action: section.action,
    onError: section.on_error,
    timeoutMs: Math.ceil(section.timeout_seconds * 1_000),
  };
};

export const readAuditLogger: SectionReader<AuditLogger> = (value, path, document, problems) => {
  const section = readSection(auditLoggerSchema, value, path, document, problems);
  if (section === undefined) return undefined;
  return {
    immutable: section.immutable,
    retentionDays: section.retention_days,
    logAllAccess: section.log_all_access,
  };
};
