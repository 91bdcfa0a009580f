import { assertMigrated, type Pool } from '@tollgate/database';
import { TOPICS, type Topic } from '@tollgate/events';
import {
  followDirectory,
  type Service,
  type ServiceParts,
  type Stoppable,
  startServiceFace,
  stopInOrder,
} from '@tollgate/http';
import { archiveRoutes } from './archive/routes.ts';
import type { SegmentStore } from './archive/segment-store.ts';
import { completenessRoutes } from './completeness/routes.ts';
import { startTroubleWatch } from './completeness/troubles.ts';
import { evidenceRoutes } from './evidence/routes.ts';
import { exportRoutes } from './exports/routes.ts';
import { HeldEvents } from './inbox/held-events.ts';
import { inboxDepth } from './inbox/inbox.ts';
import { parseInboxEvent } from './inbox/inbox-event.ts';
import { receive } from './inbox/receive.ts';
import { CommittedEvents } from './indexing/committed-events.ts';
import { startIndexer } from './indexing/indexer.ts';
import { startIntegrator } from './log/integrator.ts';
import { type AuditMetrics, auditMetrics } from './metrics.ts';
import { auditMigrations } from './migrations.ts';
import { recordReadings } from './search/readings.ts';
import { searchRoutes } from './search/routes.ts';
import { lossRoutes } from './sources/loss-routes.ts';
import { sourceRoutes } from './sources/routes.ts';
import type { LogSigners } from './tree/log-signers.ts';
import { proofRoutes } from './tree/proof-routes.ts';
import { treeRoutes } from './tree/routes.ts';
import type { TileStore } from './tree/tile-store.ts';
import { type Witness, Witnesses } from './tree/witnesses.ts';
import { vaultRoutes } from './vault/routes/vault-routes.ts';
import { startVault } from './vault/start-vault.ts';
import { startStatedWatch } from './vault/stated/watch.ts';
import type { VaultParts } from './vault/vault-parts.ts';

export interface AuditParts extends ServiceParts {
  readonly store: SegmentStore;
  readonly tiles: TileStore;
  readonly signers: LogSigners;
  readonly witnesses: readonly Witness[];
  readonly witnessTimeoutMs: number;
  readonly gapGraceMs: number;
  readonly sourceLostAfterMs: number;
  readonly unsettledAfterMs: number;
  readonly payloadGraceMs: number;
  /** Prompts and answers; without it none are kept. */
  readonly vault?: VaultParts;
  readonly segmentBytes?: number;
}

/** Everything but the dead letters, which are no history. */
const CONSUMED: readonly Topic[] = TOPICS.filter((topic) => topic !== 'dead-letter');
/** An inbox whose oldest event is older, while nothing moves, fails readiness. */
const STUCK_AFTER_MS = 30_000;

/**
 * The audit service from its parts: consumer, integrator, outbox and API. The caller closes what it passed in.
 * @throws DatabaseError `not_migrated`
 */
export async function createAudit(parts: AuditParts): Promise<Service> {
  const { pool, bus, store, tiles, signers, logger, metrics, now = Date.now } = parts;
  await assertMigrated({ pool, ...auditMigrations });
  const record = recordReadings(pool, now);
  const started: Stoppable[] = [];
  try {
    const directory = await followDirectory({ bus, now });
    started.push(directory);
    const shown = auditMetrics(metrics, { ...parts, now });
    const held = new HeldEvents();
    const committed = new CommittedEvents();
    const integrator = startIntegrator({
      pool,
      held,
      committed,
      store,
      tiles,
      signers,
      witnesses: witnessesOf(parts, shown.onWitness),
      now,
      logger,
      lock: { url: parts.databaseUrl },
      ready: directory.follower.ready,
      publicKeyOf: (instance) => directory.view.gatewayInstance(instance)?.public_key,
      ...(parts.segmentBytes === undefined ? {} : { maxSegmentBytes: parts.segmentBytes }),
      onResult(result) {
        shown.onResult(result);
        if (result.conflicts > 0) {
          logger.error({ conflicts: result.conflicts }, 'events contradict the log: see the table conflict');
        }
      },
    });
    started.push(integrator);
    started.push(startIndexer({ pool, store, committed, now, logger, onIndexed: shown.onIndexed }));
    started.push(startStatedWatch({ pool, store, now, logger }));
    started.push(startTroubleWatch({ ...parts, now }));
    const consumer = await bus.consume({
      group: 'audit',
      topics: CONSUMED,
      pool,
      parse: (bytes) => parseInboxEvent(bytes, integrator.leads()),
      async handle(batch, tx) {
        const leads = integrator.leads();
        // The topic keeps what waits at less cost than the inbox does.
        if (leads) await held.room();
        await receive(batch, tx, { now, held: leads ? held : undefined });
        integrator.hurry();
      },
    });
    started.push(consumer);
    const { vault } = parts;
    if (vault !== undefined) started.push(await startVault(vault));
    const face = await startServiceFace({
      ...parts,
      name: 'audit',
      view: directory.view,
      routes: [
        ...searchRoutes({ pool, store, record }),
        ...proofRoutes({ pool, store, tiles, record }),
        ...treeRoutes({ pool, tiles, signers }),
        ...archiveRoutes({ pool, store, record }),
        ...exportRoutes({ pool, store, record }),
        ...sourceRoutes({ ...parts, now }),
        ...lossRoutes({ ...parts, now }),
        ...completenessRoutes({ ...parts, now }),
        ...(vault === undefined ? [] : vaultRoutes(vault, record)),
        ...evidenceRoutes({ ...parts, now, record }),
      ],
      checks: {
        consumer: () => consumer.trouble(),
        integrator: async () => integrator.trouble() ?? (await stuck(pool, now())),
        directory: () => directory.check(),
      },
    });
    started.push(face);
    return { http: face.http, listen: face.listen, stop: () => stopInOrder(started).stop() };
  } catch (error) {
    await stopInOrder(started).stop();
    throw error;
  }
}

function witnessesOf(
  { witnesses, tiles, witnessTimeoutMs: timeoutMs, logger }: AuditParts,
  onOutcome: AuditMetrics['onWitness'],
): Witnesses | undefined {
  return witnesses.length === 0
    ? undefined
    : new Witnesses({ witnesses, tiles, timeoutMs, logger, onOutcome });
}

/** Whether events have been waiting for too long, whoever leads. */
async function stuck(pool: Pool, nowMs: number): Promise<string | null> {
  const { oldestMs } = await inboxDepth(pool);
  if (oldestMs === null || nowMs - oldestMs < STUCK_AFTER_MS) return null;
  return `the oldest event has been waiting in the inbox for more than ${STUCK_AFTER_MS} ms`;
}
