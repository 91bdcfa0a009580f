import type { LimitData, PriceData } from '@tollgate/events';
import { serializeEvent } from '@tollgate/events';
import { limitOf } from '@tollgate/limits';
import { FollowedPrices } from '@tollgate/pricing';
import { createLogger, createMetrics, type Metrics } from '@tollgate/telemetry';
import { type Clock, systemClock } from '../../clock.ts';
import { IdSource } from '../../events/ids.ts';
import { BudgetTallies } from '../budget-metrics.ts';
import { type BudgetSettings, Budgets } from '../budgets.ts';
import { LeaseServer } from './lease-server.ts';
import { followedLimits } from './limits.ts';

export interface BudgetsUnderTest {
  readonly budgets: Budgets;
  readonly server: LeaseServer;
  readonly prices: FollowedPrices;
  readonly metrics: Metrics;
}

export interface BudgetsUnderTestOptions {
  readonly limits?: readonly LimitData[];
  readonly prices?: readonly Partial<PriceData>[];
  readonly settings?: Partial<BudgetSettings>;
  readonly clock?: Clock;
  readonly known?: () => boolean;
  /** Another gateway's service; one of its own unless given. */
  readonly server?: LeaseServer;
  readonly instance?: string;
}

/** Budgets against a service in memory. */
export function budgetsUnderTest(options: BudgetsUnderTestOptions = {}): BudgetsUnderTest {
  const { limits = [], clock = systemClock, instance = 'test' } = options;
  const server = options.server ?? new LeaseServer(limits.map(limitOf));
  const prices = new FollowedPrices();
  for (const change of options.prices ?? []) applyPrice(prices, change);
  const ids = new IdSource(clock);
  const metrics = createMetrics();
  const budgets = new Budgets({
    settings: { waitMs: 2_000, maxWaiting: 100, strictMaxTokens: 50, ...options.settings },
    clock,
    limits: followedLimits(...limits),
    prices,
    known: options.known ?? (() => true),
    port: server.port,
    instance,
    source: `/gateways/${instance}/1`,
    newId: () => ids.next(),
    tallies: new BudgetTallies(metrics),
    log: createLogger({ service: 'gateway', level: 'silent' }),
  });
  budgets.start();
  return { budgets, server, prices, metrics };
}

function applyPrice(prices: FollowedPrices, change: Partial<PriceData>): void {
  const data: PriceData = {
    price_id: `price_${change.token_class ?? 'input'}`,
    version: 1,
    provider: 'databricks',
    model: 'databricks-meta-llama-3-3-70b-instruct',
    serving_mode: 'pay-per-token',
    region: null,
    token_class: 'input',
    amount: '1',
    per_quantity: 1_000_000,
    currency: 'USD',
    effective_from: '2025-01-01T00:00:00Z',
    effective_to: null,
    source: 'test',
    ...change,
  };
  const draft = {
    id: '01900000-0000-7000-8000-000000000000',
    subject: data.price_id,
    time: data.effective_from,
  };
  prices.apply({
    key: data.price_id,
    value: serializeEvent({ ...draft, type: 'tollgate.price.v1', data }, '/services/chargeback/1', 1),
  });
}
