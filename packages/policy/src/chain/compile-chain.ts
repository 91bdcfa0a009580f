import type { PolicyConfig, PolicyName } from '../configuration/policy-config.ts';
import type {
  DlpFilterSettings,
  PiiDetectorSettings,
  PolicySettings,
} from '../configuration/policy-settings.ts';
import { dlpFilter } from '../dlp-filter/dlp-filter.ts';
import { piiDetector } from '../pii-detector/pii-detector.ts';
import { promptInjection } from '../prompt-injection/prompt-injection.ts';
import { rbac } from '../rbac/rbac.ts';
import type { PolicyStep } from './policy-step.ts';

/** A chain that is ready to be asked; made once for each version of the configuration. */
export interface CompiledChain {
  /** In the order in which they decide; without `audit-logger` and `safety-filter`, which do nothing here. */
  readonly steps: readonly PolicyStep[];
  /** Whether any of them looks at texts, which then have to be collected. */
  readonly readsTexts: boolean;
  readonly maxTextBytes: number;
  readonly overMaxText: 'block' | 'flag';
}

/** Compiles the expressions and tables that the policies of a configuration need. */
export function compileChain(config: PolicyConfig): CompiledChain {
  const steps = config.chain.map((name) => stepOf(name, config.policies)).filter((step) => step !== null);
  return {
    steps,
    readsTexts: steps.some(({ readsTexts }) => readsTexts),
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
