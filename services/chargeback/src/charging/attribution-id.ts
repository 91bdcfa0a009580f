import { createHash } from 'node:crypto';
import type { Attribution } from '@tollgate/events';
import { uuidFromDigest } from '../uuid-from-digest.ts';

/** The dimensions of usage and charges, as the table `attribution` keeps them. */
export type AttributionRow = {
  readonly attributionId: string;
  readonly attribution: Attribution;
  /** The tags as JSON, ordered by name. */
  readonly tagsJson: string;
};

/** Distinct attributions held in memory; past it the memory starts anew. */
const MAX_CACHED = 50_000;

/**
 * Gives every distinct attribution its row and its id, a digest of the dimensions; the policy is not one of them.
 * Keeps what it has seen, since a batch repeats few attributions many times.
 */
export class AttributionRows {
  readonly #rows = new Map<string, AttributionRow>();

  of(attribution: Attribution): AttributionRow {
    const text = dimensionsOf(attribution, JSON.stringify(attribution.tags));
    const known = this.#rows.get(text);
    if (known !== undefined) return known;
    const row = attributionRow(attribution);
    if (this.#rows.size >= MAX_CACHED) this.#rows.clear();
    this.#rows.set(text, row);
    return row;
  }
}

function attributionRow(attribution: Attribution): AttributionRow {
  const { tags } = attribution;
  const names = Object.keys(tags).sort();
  const tagsJson = JSON.stringify(Object.fromEntries(names.map((name) => [name, tags[name]])));
  const text = dimensionsOf(attribution, tagsJson);
  const digest = createHash('sha256').update(`tollgate/attribution/v1\n${text}`).digest();
  return { attributionId: uuidFromDigest(digest), attribution, tagsJson };
}

/** Equal texts, equal dimensions: as JSON, no value can pose as two. */
function dimensionsOf(attribution: Attribution, tagsJson: string): string {
  return JSON.stringify([
    attribution.organisation_id,
    attribution.team_id,
    attribution.project_id,
    attribution.cost_centre_id,
    attribution.principal_type,
    attribution.principal_id,
    attribution.key_id,
    attribution.requested_model,
    attribution.served_model,
    attribution.target_id,
    attribution.serving_mode,
    attribution.region,
    tagsJson,
  ]);
}
