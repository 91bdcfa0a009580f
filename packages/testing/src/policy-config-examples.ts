import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** A folder of example files, for those who have one: named by a variable, or beside the checkout. */
const FOLDER =
  process.env['POLICY_CONFIG_EXAMPLES'] ??
  new URL('../../../../shared/mission/policy-config', import.meta.url).pathname;

/** Why a test of them did not run. */
export const NO_POLICY_CONFIG_EXAMPLES =
  'POLICY_CONFIG_EXAMPLES names no folder of example configurations, and none lies beside the checkout';

/** A `policy-config.yaml` that was written by others. */
export interface PolicyConfigExample {
  readonly name: string;
  readonly file: string;
  readonly text: string;
}

/** The example files that are there, in the order of their names; none where there is no folder. */
export function policyConfigExamples(): readonly PolicyConfigExample[] {
  let names: string[];
  try {
    names = readdirSync(FOLDER);
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => {
      const file = path.join(FOLDER, name);
      return { name, file, text: readFileSync(file, 'utf8') };
    });
}
