import type { LeaseAnswer, LeaseWant } from '@tollgate/limits';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UsageEvent } from '../confirming/confirm.ts';
import type { StoredLimit } from '../limits/stored-limit.ts';
import {
  BudgetsDatabase,
  EVERYTHING,
  IN_FLIGHT_MS,
  LEASE_TTL_MS,
  PRINCIPAL,
} from '../testing/budgets-database.ts';
import { countingUuid, SpeakingGateway, usageEvent } from '../testing/events.ts';

const RUNS = 40;
const TIMEOUT_MS = 120_000;

let database: BudgetsDatabase;
let runs = 0;
let ids = 0;

beforeAll(async () => {
  database = await BudgetsDatabase.create();
});
afterAll(() => database?.close());

/** One gateway instance in the life of one limit, truthful or not. */
class Life {
  readonly gateway: SpeakingGateway;
  readonly source: string;
  readonly wants: LeaseWant[] = [];
  readonly leases: string[] = [];
  readonly events: UsageEvent[] = [];
  /** Of events that have not arrived yet. */
  readonly delayed: UsageEvent[] = [];
  readonly #limit: StoredLimit;

  constructor(limit: StoredLimit, instance: string) {
    this.#limit = limit;
    this.gateway = new SpeakingGateway(instance);
    this.source = `/gateways/${instance}/run-${runs}`;
  }

  async want(amount: number, minimum: number, replyLost: boolean): Promise<void> {
    ids += 1;
    const want: LeaseWant = {
      lease_id: countingUuid(ids, 5),
      limit_id: this.#limit.limitId,
      window_starts_at: '2026-03-09T23:00:00.000Z',
      amount: String(Math.max(amount, minimum)),
      minimum: String(minimum),
    };
    this.wants.push(want);
    const answer = await this.call({ wants: [want] });
    if (!replyLost) this.leases.push(...answer.leases.map(({ lease_id: id }) => id));
  }

  /** Sends an earlier want again, as after a lost reply. */
  async repeat(nth: number): Promise<void> {
    const want = this.wants[nth % this.wants.length];
    if (want === undefined) return;
    const before = await this.#grantedOf(want.lease_id);
    const answer = await this.call({ wants: [want] });
    const [lease] = answer.leases;
    if (lease === undefined) return;
    if (before !== undefined) expect(lease.granted).toBe(before);
    if (!this.leases.includes(lease.lease_id)) this.leases.push(lease.lease_id);
  }

  async report(nth: number, settled: number, final: boolean): Promise<void> {
    const id = this.leases[nth % this.leases.length];
    if (id !== undefined) await this.call({ reports: [{ lease_id: id, settled: String(settled), final }] });
  }

  /** A request ends: on a lease, or on none; its event may come later. */
  async use(nth: number, tokens: number, leased: boolean, late: boolean): Promise<void> {
    const id = leased ? this.leases[nth % this.leases.length] : undefined;
    ids += 1;
    const event = usageEvent({
      n: ids,
      source: this.source,
      attribution: this.attribution(),
      quantities: { input_tokens: tokens, output_tokens: 0 },
      data: { lease_ids: id === undefined ? [] : [id] },
    });
    // Numbers count within the source.
    const numbered = { ...event, sequence: String(this.events.length + 1).padStart(19, '0') };
    this.events.push(numbered);
    if (late) this.delayed.push(numbered);
    else await database.count([numbered]);
  }

  /** Events come again, the delayed ones for the first time. */
  async deliver(nth: number): Promise<void> {
    const again = this.events.slice(nth % (this.events.length + 1)).toReversed();
    await database.count([...again, ...again]);
    this.delayed.splice(0, this.delayed.length, ...this.delayed.filter((event) => !again.includes(event)));
  }

  async beat(): Promise<void> {
    const { length } = this.events;
    await database.hear(
      [this.gateway.heartbeat(this.source, length, length, database.nowMs)],
      this.gateway.publicKeyOf,
    );
  }

  async end(): Promise<void> {
    const { length } = this.events;
    await database.hear(
      [this.gateway.stopped(this.source, length, length, database.nowMs)],
      this.gateway.publicKeyOf,
    );
    await database.count(this.events);
  }

  call(change: object): Promise<LeaseAnswer> {
    return database.call({ instance: this.gateway.instance, source: this.source, ...change });
  }

  attribution() {
    return { requested_model: this.#limit.scope.model ?? null };
  }

  async #grantedOf(leaseId: string): Promise<unknown> {
    const [row] = await database.rows('SELECT granted FROM lease WHERE lease_id = $1', [leaseId]);
    return row?.['granted'];
  }
}

const who = fc.nat({ max: 1 });
const nth = fc.nat({ max: 20 });
const step = fc.oneof(
  fc.record({
    do: fc.constant('want' as const),
    who,
    amount: fc.integer({ min: 1, max: 80 }),
    minimum: fc.integer({ min: 1, max: 20 }),
    lost: fc.boolean(),
  }),
  fc.record({ do: fc.constant('repeat' as const), who, nth }),
  fc.record({
    do: fc.constant('report' as const),
    who,
    nth,
    settled: fc.nat({ max: 90 }),
    final: fc.boolean(),
  }),
  fc.record({
    do: fc.constant('use' as const),
    who,
    nth,
    tokens: fc.nat({ max: 40 }),
    leased: fc.boolean(),
    late: fc.boolean(),
  }),
  fc.record({ do: fc.constant('deliver' as const), who, nth }),
  fc.record({ do: fc.constant('beat' as const), who }),
  fc.record({
    do: fc.constant('pass' as const),
    ms: fc.constantFrom(500, LEASE_TTL_MS + 1, IN_FLIGHT_MS),
  }),
  fc.record({ do: fc.constant('raise' as const), by: fc.integer({ min: 1, max: 50 }) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

describe('the life of leases', () => {
  it(
    'never holds more than the limit, and comes to the sum of the usage events, whatever happens in what order',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
          runs += 1;
          database.nowMs = Date.parse('2026-03-10T00:00:00Z');
          let limit = await database.limit({ amount: '200', scope: { model: `model-${runs}` } });
          const lives = ['gw-1', 'gw-2'].map((instance) => new Life(limit, instance));
          for (const each of steps) {
            if (each.do === 'raise') {
              limit = await database.writer.update(
                { principal: PRINCIPAL, reach: EVERYTHING },
                limit.limitId,
                { version: limit.version, amount: String(limit.amount + BigInt(each.by)) },
              );
            } else await take(each, lives);
            expect(await database.faults()).toEqual([]);
          }
          for (const life of lives) await life.end();
          database.nowMs += LEASE_TTL_MS + 1;
          await database.reconcile();
          expect(await database.faults()).toEqual([]);
          await expectTotals(limit, lives);
        }),
        { numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );
});

async function take(each: Exclude<Step, { do: 'raise' }>, lives: readonly Life[]): Promise<void> {
  if (each.do === 'pass') {
    database.nowMs += each.ms;
    await database.reconcile();
    await database.prune();
    return;
  }
  const life = lives[each.who];
  if (life === undefined) return;
  if (each.do === 'want') await life.want(each.amount, each.minimum, each.lost);
  else if (each.do === 'repeat') await life.repeat(each.nth);
  else if (each.do === 'report') await life.report(each.nth, each.settled, each.final);
  else if (each.do === 'use') await life.use(each.nth, each.tokens, each.leased, each.late);
  else if (each.do === 'deliver') await life.deliver(each.nth);
  else await life.beat();
}

/** Windows and leases, against a sum of our own over the events. */
async function expectTotals(limit: StoredLimit, lives: readonly Life[]): Promise<void> {
  const events = lives.flatMap((life) => life.events);
  const byLease = new Map<string, number>();
  let [total, unleased] = [0, 0];
  for (const { data } of events) {
    const tokens = data.quantities.input_tokens;
    total += tokens;
    const [lease] = data.lease_ids;
    if (lease === undefined) unleased += tokens;
    else byLease.set(lease, (byLease.get(lease) ?? 0) + tokens);
  }
  const leases = await database.rows('SELECT * FROM lease WHERE limit_id = $1', [limit.limitId]);
  for (const lease of leases) {
    expect(lease['state']).toBe('reconciled');
    expect(Number(lease['confirmed'])).toBe(byLease.get(String(lease['lease_id'])) ?? 0);
  }
  const window = await database.window(limit.limitId);
  expect(Number(window['confirmed'] ?? 0)).toBe(total);
  expect(Number(window['unleased'] ?? 0)).toBe(unleased);
  expect(Number(window['granted'] ?? 0) + Number(window['overshoot'] ?? 0)).toBe(total - unleased);
  expect(Number(window['settled'] ?? 0)).toBe(total - unleased);
}
