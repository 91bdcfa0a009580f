import { uuidV7 } from '@tollgate/events';
import type { Limit, Units } from '@tollgate/limits';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyAnswer, callOf, exchangeOf, IDLE_MS, type Moment } from './lease-exchange.ts';
import { LimitLedger } from './limit-ledger.ts';
import { type Draw, type Need, Reservation, reserveAll } from './reservation.ts';
import { type CallFault, LeaseServer } from './testing/lease-server.ts';
import { limit } from './testing/limits.ts';
import type { Demand } from './waiting-line.ts';
import type { WindowLedger } from './window-ledger.ts';

const START_MS = Date.parse('2026-03-01T09:30:00.000Z');

interface Held {
  readonly reservation: Reservation;
  readonly amount: Units;
}

/** One gateway's ledgers, driven by hand. */
class Gateway {
  readonly ledgers = new Map<string, LimitLedger>();
  readonly held: Held[] = [];
  readonly waiting: Units[] = [];
  used: Units = 0n;
  at: Moment = { nowMs: START_MS, monotonicMs: 0 };
  readonly #name: string;
  readonly #server: LeaseServer;
  #ids = 0;

  constructor(name: string, server: LeaseServer, limits: readonly Limit[]) {
    this.#name = name;
    this.#server = server;
    for (const each of limits) this.ledgers.set(each.limitId, new LimitLedger(each));
  }

  needs(amount: Units): Need[] {
    return [...this.ledgers.values()].map((ledger) => ({
      ledger,
      window: ledger.windowAt(this.at.nowMs),
      amount,
    }));
  }

  /** Whether it is let in; if not it waits. */
  ask(amount: Units): boolean {
    const draws = reserveAll(this.needs(amount), this.at.monotonicMs);
    if (draws === null) {
      this.waiting.push(amount);
      return false;
    }
    this.#hold(draws, amount);
    return true;
  }

  settle(index: number, used: Units): void {
    const [held] = this.held.splice(index, 1);
    held?.reservation.settle(() => used);
    if (held !== undefined) this.used += used;
  }

  exchange(everything = false): void {
    const demand = new Map<WindowLedger, Demand>();
    for (const amount of this.waiting) {
      for (const { window } of this.needs(amount)) {
        const known = demand.get(window);
        const least = known === undefined || amount < known.least ? amount : known.least;
        demand.set(window, { least, total: (known?.total ?? 0n) + amount });
      }
    }
    const newId = () => uuidV7(START_MS + this.#ids++);
    const exchange = exchangeOf(this.ledgers.values(), demand, this.at, newId, () => true, everything);
    if (exchange.reports.length + exchange.wants.length === 0) return;
    try {
      const answer = this.#server.hear(callOf(exchange, this.#name, `/gateways/${this.#name}/1`));
      applyAnswer(this.ledgers, exchange, answer, this.at.monotonicMs);
    } catch {
      return;
    }
    for (const amount of this.waiting.splice(0)) {
      const draws = reserveAll(this.needs(amount), this.at.monotonicMs);
      if (draws !== null) this.#hold(draws, amount);
    }
  }

  /** What its requests hold or have used. */
  admitted(): Units {
    return this.used + this.held.reduce((sum, { amount }) => sum + amount, 0n);
  }

  wait(ms: number): void {
    this.at = { nowMs: this.at.nowMs + ms, monotonicMs: this.at.monotonicMs + ms };
  }

  leases() {
    return [...this.ledgers.values()].flatMap(({ windows }) =>
      [...windows.values()].flatMap(({ leases }) => leases),
    );
  }

  #hold(draws: Draw[], amount: Units): void {
    this.held.push({ reservation: new Reservation(draws, () => {}), amount });
  }
}

function two(...limits: readonly Limit[]) {
  const server = new LeaseServer(limits);
  return { server, a: new Gateway('a', server, limits), b: new Gateway('b', server, limits) };
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('ask' as const), n: fc.integer({ min: 1, max: 300 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('settle' as const), n: fc.nat(300) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('exchange' as const), n: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), n: fc.nat(IDLE_MS) }) },
);
const fault = fc.constantFrom<CallFault[]>('none', 'none', 'lost', 'away', 'twice');

describe('two gateways under one strict limit', () => {
  test('never let in more than it, whatever is lost, repeated or away, and leak nothing', () => {
    const runs = fc.array(fc.tuple(fc.boolean(), step), { maxLength: 120 });
    fc.assert(
      fc.property(runs, fc.array(fault, { maxLength: 40 }), (steps, faults) => {
        const { server, a, b } = two(limit({ amount: '1000' }), limit({ limit_id: 'lim_2', amount: '700' }));
        server.script.push(...faults);
        for (const [first, { do: what, n }] of steps) {
          const gateway = first ? a : b;
          if (what === 'ask') gateway.ask(BigInt(n));
          else if (what === 'exchange') gateway.exchange();
          else if (what === 'wait') gateway.wait(n);
          else {
            const index = gateway.held.length === 0 ? 0 : n % gateway.held.length;
            const most = gateway.held[index]?.amount ?? 0n;
            gateway.settle(index, most < BigInt(n) ? most : BigInt(n));
          }
          expect(a.admitted() + b.admitted()).toBeLessThanOrEqual(700n);
        }
        server.script.length = 0;
        for (const gateway of [a, b]) {
          while (gateway.held.length > 0) gateway.settle(0, 1n);
          gateway.waiting.length = 0;
          // A want whose reply was lost is answered by the first; what it granted goes back with the second.
          for (let i = 0; i < 3; i += 1) gateway.exchange(i > 0);
          expect(gateway.leases()).toEqual([]);
        }
        expect(server.settled('lim_1')).toBe(a.used + b.used);
        expect(server.settled('lim_2')).toBe(a.used + b.used);
        expect(server.open()).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  test('use all of it: what is too small here goes back, and is granted there in one piece', () => {
    const { a, b } = two(limit({ amount: '1000' }));
    let refusals = 0;
    for (let i = 0; refusals < 4; i += 1) {
      const gateway = i % 2 === 0 ? a : b;
      gateway.waiting.length = 0;
      if (!gateway.ask(100n)) gateway.exchange();
      const let_in = gateway.held.length > 0;
      // A tenth of what was reserved is used in truth.
      if (let_in) gateway.settle(0, 10n);
      refusals = let_in ? 0 : refusals + 1;
      gateway.wait(300);
    }
    expect(a.used + b.used).toBeGreaterThan(900n);
  });
});

describe('the leases of a window', () => {
  test('go back when nobody has drawn on them for a while, and not before', () => {
    const { server, a } = two(limit());
    a.ask(10n);
    a.exchange();
    expect(a.held).toHaveLength(1);
    a.settle(0, 4n);
    a.wait(IDLE_MS);
    a.exchange();
    expect(server.open()).toBe(1);
    a.wait(1);
    a.exchange();
    expect(server.open()).toBe(0);
    expect(server.settled('lim_1')).toBe(4n);
    expect(a.leases()).toEqual([]);
  });

  test('are kept while a request draws on them, and settled after their window', () => {
    const minute = limit({ window: 'minute' });
    const { server, a } = two(minute);
    a.ask(10n);
    a.exchange();
    for (let i = 0; i < 20; i += 1) {
      a.wait(6_000);
      a.exchange();
    }
    expect(server.open()).toBe(1);
    a.settle(0, 7n);
    a.exchange();
    expect(server.open()).toBe(0);
    expect(server.settled('lim_1')).toBe(7n);
  });

  test('are asked for before the window turns, where the window is used', () => {
    const minute = limit({ window: 'minute' });
    const { server, a } = two(minute);
    a.ask(10n);
    a.exchange();
    a.settle(0, 10n);
    a.wait(57_000);
    a.exchange();
    a.ask(10n);
    a.exchange();
    a.wait(1_500);
    a.exchange();
    expect(server.held('lim_1', START_MS + 60_000)).toBeGreaterThan(0n);
    a.wait(1_500);
    expect(a.ask(10n)).toBe(true);
  });

  test('can not be drawn on beyond their term without word from the service', () => {
    const { server, a } = two(limit());
    a.ask(10n);
    a.exchange();
    a.settle(0, 1n);
    server.fault = 'away';
    a.wait(4_000);
    expect(a.ask(1n)).toBe(true);
    a.wait(4_000);
    expect(a.ask(1n)).toBe(true);
    a.exchange();
    a.wait(4_000);
    expect(a.leases()[0]?.free).toBeGreaterThan(1n);
    expect(a.ask(1n)).toBe(false);
  });

  test('use beyond what was reserved is reported, and held against the lease', () => {
    const { server, a } = two(limit({ strict: false }));
    a.ask(10n);
    a.exchange();
    a.settle(0, 900n);
    a.exchange();
    expect(server.settled('lim_1')).toBe(900n);
    a.waiting.length = 0;
    a.wait(300);
    a.ask(200n);
    a.exchange();
    expect(a.held).toHaveLength(0);
  });
});

test('a reservation ends once', () => {
  const { a } = two(limit());
  a.ask(10n);
  a.exchange();
  const [held] = a.held;
  held?.reservation.cancel();
  expect(() => held?.reservation.settle(() => 1n)).toThrow('twice');
  expect(a.leases()[0]).toMatchObject({ reserved: 0n, settled: 0n, inFlight: 0 });
});
