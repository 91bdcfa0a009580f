import { describe, expect, it } from 'vitest';
import { readBudgetsConfig } from './config.ts';

const ENV = { DATABASE_URL: 'postgres://budgets:x@localhost/tollgate', KAFKA_BROKERS: 'localhost:9092' };

describe('readBudgetsConfig', () => {
  it('needs a database and brokers, and knows the rest', () => {
    expect(readBudgetsConfig(ENV)).toMatchObject({
      listen: { host: '0.0.0.0', port: 41013 },
      leaseTtlMs: 15_000,
      inFlightMs: 900_000,
      clockSkewMs: 60_000,
      priceGraceMs: 5_000,
      maxBatch: 2_000,
    });
  });

  it.each([
    ['BUDGETS_LEASE_TTL_MS', '10'],
    ['BUDGETS_IN_FLIGHT_MS', '1 s'],
    ['BUDGETS_CLOCK_SKEW_MS', '-1'],
    ['BUDGETS_PRICE_GRACE_MS', '99999999'],
    ['BUDGETS_BATCH_EVENTS', '0'],
  ])('stops at a wrong %s with one line that names it', (variable, value) => {
    expect(() => readBudgetsConfig({ ...ENV, [variable]: value })).toThrow(
      new RegExp(`^${variable}: [^\n]+$`),
    );
  });
});
