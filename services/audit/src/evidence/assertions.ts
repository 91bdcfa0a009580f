import { type Json, objectAt, textAt } from '../exports/exported-event.ts';

/** What gateways tell of the configuration that they put in force. */
export const IN_FORCE = 'policy.in-force';

/** The identifier under which the index has such events of a policy file. */
export function inForceTarget(digest: string): string {
  return `policy/${digest}`;
}

/** The digest of the policy file that an event says is in force; undefined: it says no such thing, or is no gateway's. */
export function policyInForce(event: Json): string | undefined {
  const data = objectAt(event, 'data');
  const isOne =
    textAt(event, 'type') === 'tollgate.admin.v1' &&
    textAt(event, 'source')?.startsWith('/gateways/') === true &&
    textAt(data, 'action') === IN_FORCE;
  return isOne ? textAt(objectAt(objectAt(data, 'details'), 'policy'), 'digest') : undefined;
}

/** What makes two such events say the same. */
export function sameAssertions(event: Json): string {
  const { policy, catalog_digest, part, targets } = objectAt(objectAt(event, 'data'), 'details');
  return JSON.stringify([policy, catalog_digest, part, targets]);
}

/**
 * What is asserted of the targets' data handling by the configurations that decided, and by whom: from the events that say so
 * alone, so that whoever verifies makes it again and compares.
 */
export function assertionsFile(
  told: readonly { readonly leaf: number; readonly event: Json }[],
  decided: readonly string[],
): string {
  const configurations = told.map(({ leaf, event }) => {
    const { policy, catalog_digest, part, parts, targets } = objectAt(objectAt(event, 'data'), 'details');
    return {
      policy,
      catalog_digest,
      part,
      parts,
      told_by: textAt(event, 'source'),
      told_at: textAt(event, 'time'),
      leaf,
      targets,
    };
  });
  const known = new Set(told.map(({ event }) => policyInForce(event)));
  const not_told = decided.filter((digest) => !known.has(digest));
  return `${JSON.stringify({ configurations, not_told }, null, 2)}\n`;
}
