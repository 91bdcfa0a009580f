import { consumeWhenReady } from '@tollgate/bus';
import { assertMigrated } from '@tollgate/database';
import {
  followDirectory,
  type Service,
  type ServiceParts,
  type Stoppable,
  startServiceFace,
  stopInOrder,
} from '@tollgate/http';
import { chargeRoutes } from './charges/charge-routes.ts';
import { BillingCalendar } from './charging/billing-calendar.ts';
import { ChargeUsage } from './charging/charge-usage.ts';
import { directoryTimeZones } from './charging/directory-time-zones.ts';
import { usageParser } from './charging/parse-usage.ts';
import { chargebackMetrics } from './metrics.ts';
import { chargebackMigrations } from './migrations.ts';
import { priceRoutes } from './prices/price-routes.ts';
import { StoredPriceBook } from './prices/price-store.ts';
import { reportRoutes } from './reports/report-routes.ts';

export type ChargebackParts = ServiceParts & {
  /** How long the news of an organisation may come after its first usage, before UTC is assumed. */
  readonly timeZoneGraceMs?: number;
  /** Usage events in one transaction at most. */
  readonly maxBatch?: number;
};

/**
 * The chargeback service from its parts: consumer, outbox and API.
 *
 * @throws DatabaseError `not_migrated`
 */
export async function createChargeback(parts: ChargebackParts): Promise<Service> {
  const { pool, bus, metrics, now = Date.now } = parts;
  await assertMigrated({ pool, ...chargebackMigrations });
  const started: Stoppable[] = [];
  try {
    const directory = await followDirectory({ bus, now });
    started.push(directory);
    const shown = chargebackMetrics(metrics, { pool, now });
    const calendar = new BillingCalendar(
      directoryTimeZones(directory.view, parts.timeZoneGraceMs),
      () => new Date(now()),
    );
    const charging = new ChargeUsage({ book: new StoredPriceBook(), calendar, now });
    // Without the directory's state usage could not be put into its month.
    const consumer = consumeWhenReady(directory.follower.ready, 'the directory has not been read yet', () =>
      bus.consume({
        group: 'chargeback',
        topics: ['usage'],
        pool,
        parse: usageParser(),
        ...(parts.maxBatch === undefined ? {} : { maxBatch: parts.maxBatch }),
        async handle(batch, tx) {
          const charged = await charging.handle(batch, tx);
          shown.onCharged(charged, batch.messages.at(-1)?.timestampMs ?? now());
        },
      }),
    );
    started.push(consumer);
    const face = await startServiceFace({
      ...parts,
      name: 'chargeback',
      view: directory.view,
      routes: [
        ...reportRoutes({ pool, view: directory.view }),
        ...chargeRoutes({ pool }),
        ...priceRoutes({ pool, now }),
      ],
      checks: {
        consumer: () => consumer.trouble(),
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
