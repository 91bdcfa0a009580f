import type {
  DlpFilterSettings,
  PiiDetectorSettings,
  PolicySettings,
  SafetyFilterSettings,
} from '../configuration/policies/policy-settings.ts';
import type { PolicyConfig } from '../configuration/policy-config.ts';
import type { PolicyName } from '../configuration/schema/known-names.ts';
import { dlpFilter } from '../dlp-filter/dlp-filter.ts';
import { piiDetector } from '../pii-detector/pii-detector.ts';
import { promptInjection } from '../prompt-injection/prompt-injection.ts';
import { rbac } from '../rbac/rbac.ts';
import type { PolicyStep } from './policy-step.ts';

/** A chain that is ready to be asked; made once for each version of the configuration. */
export interface CompiledChain {
  /** In the order in which they decide; without `audit-logger` and `safety-filter`, which do nothing here. */
  readonly steps: readonly PolicyStep[];
  /** Where `safety-filter` stands: before the step at this index; null where it is not in the chain. */
  readonly judge: { readonly at: number; readonly settings: SafetyFilterSettings } | null;
  /** Whether any of them looks at texts, which then have to be collected. */
  readonly readsTexts: boolean;
  readonly maxTextBytes: number;
  readonly overMaxText: 'block' | 'flag';
}

/** Compiles the expressions and tables that the policies of a configuration need. */
export function compileChain(config: PolicyConfig): CompiledChain {
  const named = config.chain.map((name) => ({ name, step: stepOf(name, config.policies) }));
  const steps = named.flatMap(({ step }) => (step === null ? [] : [step]));
  const { safetyFilter } = config.policies;
  const before = named.slice(0, Math.max(0, config.chain.indexOf('safety-filter')));
  const at = before.filter(({ step }) => step !== null).length;
  return {
    steps,
    judge: safetyFilter === null ? null : { at, settings: safetyFilter },
    readsTexts: safetyFilter !== null || steps.some(({ readsTexts }) => readsTexts),
    maxTextBytes: config.maxTextBytes,
    overMaxText: config.overMaxText,
  };
}

function stepOf(name: PolicyName, settings: PolicySettings): PolicyStep | null {
  switch (name) {
    case 'prompt-injection':
      return settings.promptInjection && promptInjection(settings.promptInjection);
    case 'pii-detector':
      return looksAtInput(settings.piiDetector) ? piiDetector(settings.piiDetector) : null;
    case 'dlp-filter':
      return looksAtInput(settings.dlpFilter) ? dlpFilter(settings.dlpFilter) : null;
    case 'rbac':
      return settings.rbac && rbac(settings.rbac);
    case 'safety-filter':
    case 'audit-logger':
      return null;
  }
}

function looksAtInput<T extends PiiDetectorSettings | DlpFilterSettings>(settings: T | null): settings is T {
  return settings?.applyTo.includes('input') === true;
}
