import { type ConsumedBatch, consumeWhenReady } from '@tollgate/bus';
import { assertMigrated, type Transaction } from '@tollgate/database';
import {
  followDirectory,
  type Service,
  type ServiceParts,
  type Stoppable,
  startServiceFace,
  stopInOrder,
} from '@tollgate/http';
import { FollowedPrices } from '@tollgate/pricing';
import type { BudgetsConfig } from './config.ts';
import type { UsageEvent } from './confirming/confirm.ts';
import { ConfirmUsage } from './confirming/confirm-usage.ts';
import { type ConsumedEvent, consumedParser } from './confirming/parse-event.ts';
import { PriceGrace } from './confirming/price-grace.ts';
import { LeaseDesk } from './leases/lease-desk.ts';
import { leaseRoutes } from './leases/lease-routes.ts';
import { Reconciler } from './leases/reconciler.ts';
import { StoredLimitBook } from './limits/limit-book.ts';
import { limitRoutes } from './limits/limit-routes.ts';
import { LimitWriter } from './limits/limit-writer.ts';
import { budgetsMetrics } from './metrics.ts';
import { budgetsMigrations } from './migrations.ts';
import { hearSources, type SourceEvent } from './sources/hear-sources.ts';
import { budgetRoutes } from './windows/budget-routes.ts';

export type BudgetsParts = ServiceParts &
  Pick<BudgetsConfig, 'leaseTtlMs' | 'inFlightMs' | 'clockSkewMs' | 'priceGraceMs' | 'maxBatch'>;

/**
 * The budgets service from its parts: consumer, reconciler, outbox and API.
 *
 * @throws DatabaseError `not_migrated`
 */
export async function createBudgets(parts: BudgetsParts): Promise<Service> {
  const { pool, bus, metrics, logger, now = Date.now } = parts;
  await assertMigrated({ pool, ...budgetsMigrations });
  const started: Stoppable[] = [];
  try {
    const directory = await followDirectory({ bus, now });
    started.push(directory);
    const prices = new FollowedPrices();
    const priceFollower = await bus.follow({ topic: 'prices', apply: (message) => prices.apply(message) });
    started.push(priceFollower);
    const shown = budgetsMetrics(metrics, { pool, now });
    const book = new StoredLimitBook();
    const confirming = new ConfirmUsage({ book, prices, grace: new PriceGrace(prices, parts.priceGraceMs) });
    const handle = async (batch: ConsumedBatch<ConsumedEvent>, tx: Transaction): Promise<void> => {
      const usage: UsageEvent[] = [];
      const words: SourceEvent[] = [];
      for (const { event } of batch.messages) {
        if (event?.type === 'tollgate.usage.v1') usage.push(event);
        else if (event !== null) words.push(event);
      }
      if (usage.length > 0) {
        const result = await confirming.handle(usage, tx);
        shown.onConfirmed(result, batch.messages.at(-1)?.timestampMs ?? now());
      }
      if (words.length > 0) {
        const publicKeyOf = (instance: string) => directory.view.gatewayInstance(instance)?.public_key;
        const { unverified } = await hearSources(words, tx, { publicKeyOf, nowMs: now() });
        shown.onUnverified(unverified);
      }
    };
    // Without them words can't be verified, nor money counted.
    const ready = Promise.all([directory.follower.ready, priceFollower.ready]);
    const consumer = consumeWhenReady(ready, 'directory and prices have not been read yet', () =>
      bus.consume({
        group: 'budgets',
        topics: ['usage', 'sources'],
        pool,
        parse: consumedParser(),
        maxBatch: parts.maxBatch,
        handle,
      }),
    );
    started.push(consumer);
    const { inFlightMs, clockSkewMs, leaseTtlMs } = parts;
    const reconciler = new Reconciler({
      pool,
      book,
      now,
      inFlightMs,
      clockSkewMs,
      logger,
      onReconciled: (done) => shown.onReconciled(done),
    });
    started.push(reconciler);
    const face = await startServiceFace({
      ...parts,
      name: 'budgets',
      view: directory.view,
      routes: [
        ...leaseRoutes({
          desk: new LeaseDesk({ pool, book, leaseTtlMs, now }),
          onDecided: (decision) => shown.onDecided(decision),
        }),
        ...limitRoutes({ pool, writer: new LimitWriter({ pool, view: directory.view, now }) }),
        ...budgetRoutes({ pool, now }),
      ],
      checks: {
        consumer: () => consumer.trouble(),
        directory: () => directory.check(),
        prices: () => prices.trouble() ?? priceFollower.trouble(),
        reconciler: () => reconciler.trouble(),
      },
    });
    started.push(face);
    return { http: face.http, listen: face.listen, stop: () => stopInOrder(started).stop() };
  } catch (error) {
    await stopInOrder(started).stop();
    throw error;
  }
}
