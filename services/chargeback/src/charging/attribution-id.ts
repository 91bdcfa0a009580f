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
  /** Of objects that events share. */
  readonly #known = new WeakMap<Attribution, AttributionRow>();

  of(attribution: Attribution): AttributionRow {
    let row = this.#known.get(attribution);
    if (row === undefined) {
      row = this.#ofText(attribution);
      this.#known.set(attribution, row);
    }
    return row;
  }

  #ofText(attribution: Attribution): AttributionRow {
    const text = textOf(attribution);
    const known = this.#rows.get(text);
    if (known !== undefined) return known;
    const row = attributionRow(attribution);
    if (this.#rows.size >= MAX_CACHED) this.#rows.clear();
    this.#rows.set(text, row);
    return row;
  }
}

/** One text per set of dimensions and order of tags, quickly made; `usageParser` lets no NUL through. */
function textOf(a: Attribution): string {
  let tags = '';
  for (const name in a.tags) tags += `\0${name}\0${a.tags[name]}`;
  const ids = `${a.organisation_id}\0${a.team_id}\0${a.project_id ?? '\0'}\0${a.cost_centre_id ?? '\0'}\0${a.principal_type}\0${a.principal_id}\0${a.key_id}`;
  const models = `${a.requested_model ?? '\0'}\0${a.served_model ?? '\0'}\0${a.target_id ?? '\0'}`;
  return `${ids}\0${models}\0${a.serving_mode ?? '\0'}\0${a.region ?? '\0'}${tags}`;
}

function attributionRow(attribution: Attribution): AttributionRow {
  const { tags } = attribution;
  const names = Object.keys(tags).sort();
  const tagsJson = JSON.stringify(Object.fromEntries(names.map((name) => [name, tags[name]])));
  const text = dimensionsOf(attribution, tagsJson);
  const digest = createHash('sha256').update(`tollgate/attribution/v1\n${text}`).digest();
  return { attributionId: uuidFromDigest(digest), attribution, tagsJson };
}

/** What the id is a digest of. */
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
