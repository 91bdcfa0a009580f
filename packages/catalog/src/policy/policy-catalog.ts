import { dirname, resolve } from 'node:path';
import type { PolicyConfig } from '@tollgate/policy';
import type { Advice, Advise } from '@tollgate/policy/commands';
import type { Catalog } from '../catalog.ts';
import { CatalogError } from '../errors.ts';
import { loadCatalog } from '../file/load-catalog.ts';
import { policyWarnings } from './policy-warnings.ts';
import { clearRoutes, RULE_STATUS } from './route-clearance.ts';

/** Where the catalogue file of a configuration is: from the configuration's own folder; `null` where it names none. */
export function catalogFileOf({ file, catalog }: PolicyConfig): string | null {
  return catalog.file === null ? null : resolve(dirname(file), catalog.file);
}

/**
 * The catalogue that a configuration is judged by.
 *
 * @throws CatalogError as `loadCatalog` does
 */
export function catalogOf(config: PolicyConfig): Promise<Catalog> {
  return loadCatalog(catalogFileOf(config));
}

/** What `tollgate policy check` says by the catalogue. */
export const adviseByCatalog: Advise = async (config, now): Promise<Advice> => {
  try {
    const clearances = clearRoutes(config, await catalogOf(config), now);
    const warnings = policyWarnings(clearances).map(({ code, model, target, message }) => ({
      code,
      subject: target === null || target === model ? model : `${model} (${target})`,
      message,
    }));
    const refusals = new Map(
      clearances.flatMap(({ route, refusal }) =>
        refusal === null
          ? []
          : [
              [
                route.model,
                { code: refusal.rule, status: RULE_STATUS[refusal.rule], message: refusal.message },
              ],
            ],
      ),
    );
    return { problems: [], warnings, refusals };
  } catch (error) {
    if (!(error instanceof CatalogError)) throw error;
    if (error.problems.length > 0) return { problems: error.problems, warnings: [], refusals: new Map() };
    const problem = {
      code: 'unreadable-file',
      file: config.file,
      line: 0,
      column: 0,
      path: 'catalog.file',
    } as const;
    return { problems: [{ ...problem, message: error.message }], warnings: [], refusals: new Map() };
  }
};
