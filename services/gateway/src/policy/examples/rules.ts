import type { PolicyConfig } from '@tollgate/policy';

/**
 * Every rule of a file, each as a line that holds all its values: what differs in one of them is another rule. A policy
 * with a setting that no line tells of would be a rule that nobody sees, so each is taken apart here by name.
 */
export function rulesOf({ policies, targets }: PolicyConfig): readonly string[] {
  const { promptInjection, piiDetector, dlpFilter, rbac, safetyFilter, auditLogger } = policies;
  const rules: string[] = [];
  if (promptInjection !== null) {
    const { threshold, action } = promptInjection;
    rules.push(`prompt-injection from ${threshold} on: ${action}`);
    for (const role of promptInjection.exemptRoles) rules.push(`prompt-injection not in ${role}`);
  }
  if (piiDetector !== null) {
    const { action, entities, applyTo } = piiDetector;
    for (const entity of entities)
      rules.push(`pii-detector ${entity} in ${applyTo.join(' and ')}: ${action}`);
    if (piiDetector.restore) rules.push('pii-detector restore');
  }
  if (dlpFilter !== null) {
    const { expressions, applyTo } = dlpFilter;
    for (const { regex, action } of expressions)
      rules.push(`dlp-filter ${regex} in ${applyTo.join(' and ')}: ${action}`);
    if (dlpFilter.restore) rules.push('dlp-filter restore');
  }
  if (rbac !== null) {
    rules.push('rbac: a caller without a role');
    for (const { name, allowedModels, maxTokensPerRequest, action } of rbac.roles) {
      rules.push(`rbac ${name} may use ${[...allowedModels].sort().join(', ') || 'nothing'}: ${action}`);
      if (maxTokensPerRequest !== null) rules.push(`rbac ${name} up to ${maxTokensPerRequest} tokens`);
    }
    if (rbac.defaultRole !== null) rules.push(`rbac default role ${rbac.defaultRole.name}`);
  }
  if (safetyFilter !== null) rules.push(`safety-filter: ${safetyFilter.action}`);
  if (auditLogger !== null) {
    if (auditLogger.immutable) rules.push('audit-logger immutable');
    rules.push(`audit-logger retention_days: ${auditLogger.retentionDays}`);
    if (auditLogger.logAllAccess) rules.push('audit-logger log_all_access');
  }
  for (const { timeoutMs, healthProbe, dataPolicy } of targets) {
    if (timeoutMs !== DEFAULT_TIMEOUT_MS) rules.push(`target timeout_seconds: ${timeoutMs / 1000}`);
    if (healthProbe) rules.push('target health_probe');
    if (dataPolicy.zeroDataRetention) rules.push('target zero_data_retention');
  }
  return [...new Set(rules)];
}

/** Of targets that say nothing of it. */
const DEFAULT_TIMEOUT_MS = 600_000;
