import type { Pool } from '@tollgate/database';
import { proveInclusion } from '@tollgate/transparency-log';
import type { SegmentStore } from '../archive/segment-store.ts';
import type { Json } from '../exports/exported-event.ts';
import { findEvents } from '../search/query.ts';
import type { TileStore } from '../tree/tile-store.ts';
import { inForceTarget, policyInForce, sameAssertions } from './assertions.ts';
import type { InForceLine } from './layout.ts';

const ANYWHERE = { organisationId: null, teamIds: null };
/** Looked at for each policy file, the newest first: each start of a gateway tells. */
const MAX_LOOKED_AT = 500;

export interface ToldConfiguration {
  readonly leaf: number;
  readonly event: Json;
  readonly line: InForceLine;
}

/**
 * What gateways told of these policy files, up to a checkpoint, by leaf: of those that say the same, one.
 * @param digests of the files
 * @param size of the checkpoint
 */
export async function toldInForce(
  parts: { readonly pool: Pool; readonly store: SegmentStore; readonly tiles: TileStore },
  digests: readonly string[],
  size: number,
): Promise<ToldConfiguration[]> {
  const told: ToldConfiguration[] = [];
  for (const digest of digests) {
    const filter = {
      type: 'tollgate.admin.v1',
      terms: [
        { label: 'object', value: inForceTarget(digest) },
        { label: 'action', value: 'policy.in-force' },
      ],
    } as const;
    const found = await findEvents(parts, filter, ANYWHERE, { limit: MAX_LOOKED_AT, size });
    const first = new Map<string, (typeof found)[number]>();
    for (const each of found)
      if (policyInForce(each.event) === digest) first.set(sameAssertions(each.event), each);
    for (const { leafIndex, event, archived } of first.values()) {
      const inclusion = await proveInclusion(parts.tiles, BigInt(leafIndex), BigInt(size));
      const line = {
        leaf: leafIndex,
        salt: archived.salt.toString('base64'),
        event: archived.bytes.toString('base64'),
        inclusion: inclusion.map((hash) => Buffer.from(hash).toString('base64')),
      };
      told.push({ leaf: leafIndex, event, line });
    }
  }
  return told.sort((a, b) => a.leaf - b.leaf);
}
