import { type AdminData, serializeEvent } from '@tollgate/events';
import type { Target } from '@tollgate/policy';
import type { Logger } from '@tollgate/telemetry';
import type { Clock } from '../clock.ts';
import type { IdSource } from '../events/ids.ts';
import type { Spool } from '../spool/spool.ts';
import type { ReadPolicy } from './read-policy.ts';

/** Of one event; a file with more targets is told in several. */
const TARGETS_PER_EVENT = 40;
const MAX_EVENT_BYTES = 48 * 1024;

export interface InForceParts {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly spool: Spool;
  /** The gateway's instance. */
  readonly instance: string;
  readonly log: Logger;
}

/**
 * Tells the audit trail which configuration is in force from now on: digests of policy file and catalogue, and of each
 * target what the file asserts of its data handling, by whom and since when. Evidence bundles prove it from there. Names and
 * digests alone: no address of an upstream, no secret.
 */
export function stateInForce({ clock, ids, spool, instance, log }: InForceParts, read: ReadPolicy): void {
  const { pack, digest, targets } = read.config;
  const parts = Math.max(1, Math.ceil(targets.length / TARGETS_PER_EVENT));
  for (let part = 1; part <= parts; part += 1) {
    const data: AdminData = {
      actor: { type: 'service', id: instance },
      organisation_id: null,
      action: 'policy.in-force',
      target: `policy/${digest}`,
      outcome: 'done',
      code: null,
      reason: null,
      details: {
        policy: { name: pack.name, version: pack.version, digest },
        catalog_digest: read.catalog.digest,
        part,
        parts,
        targets: targets.slice((part - 1) * TARGETS_PER_EVENT, part * TARGETS_PER_EVENT).map(assertionsOf),
      },
    };
    try {
      if (!spool.hasRoom(MAX_EVENT_BYTES)) throw new Error('the spool is full');
      const draft = {
        type: 'tollgate.admin.v1' as const,
        id: ids.next(),
        subject: data.target,
        time: new Date(clock.now()).toISOString(),
        data,
      };
      const event = serializeEvent(draft, spool.source, Number(spool.nextSequence()));
      spool.append(draft.type, event.toString('utf8'));
    } catch (error) {
      // Calls still name the policy's digest; only what it asserts is not told by this start.
      log.error({ err: error, digest }, 'the audit trail was not told which policy is in force');
    }
  }
}

function assertionsOf({ id, provider, servingMode, region, dataPolicy }: Target) {
  return {
    target_id: id,
    model: provider.model,
    serving_mode: servingMode,
    region,
    zero_data_retention: dataPolicy.zeroDataRetention,
    asserted_by: dataPolicy.assertedBy,
    asserted_on: dataPolicy.assertedOn,
  };
}
