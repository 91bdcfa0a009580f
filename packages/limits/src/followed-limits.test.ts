import { type Attribution, type LimitData, serializeEvent } from '@tollgate/events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FollowedLimits } from './followed-limits.ts';
import { type Limit, limitApplies } from './limit.ts';
import { LimitIndex } from './limit-index.ts';
import { SCOPE_KEYS } from './scope.ts';
import { usedOf } from './used.ts';

const ATTRIBUTION: Attribution = {
  organisation_id: 'a',
  team_id: 'a',
  project_id: null,
  cost_centre_id: 'a',
  principal_type: 'user',
  principal_id: 'a',
  key_id: 'a',
  requested_model: 'a',
  served_model: null,
  target_id: null,
  serving_mode: null,
  region: null,
  tags: {},
  policy: { name: 'p', version: '1', digest: 'a'.repeat(64) },
};

const DATA: LimitData = {
  limit_id: 'limit_1',
  version: 1,
  deleted: false,
  organisation_id: 'a',
  scope: { team: 'a' },
  unit: 'total-tokens',
  window: 'day',
  time_zone: 'UTC',
  amount: '100',
  currency: null,
  strict: true,
};

function message(change: Partial<LimitData>): { key: string; value: Buffer } {
  const data = { ...DATA, ...change };
  const value = serializeEvent(
    {
      type: 'tollgate.limit.v1',
      id: '0197c9a0-0000-7000-8000-000000000001',
      subject: data.limit_id,
      time: '2026-03-10T12:00:00.000Z',
      data,
    },
    '/services/budgets/e1',
    1,
  );
  return { key: data.limit_id, value };
}

describe('LimitIndex', () => {
  const letter = fc.constantFrom('a', 'b');
  const scope = fc.dictionary(fc.constantFrom(...SCOPE_KEYS), letter);
  const attribution = fc
    .record({
      organisation_id: letter,
      team_id: letter,
      project_id: fc.option(letter),
      cost_centre_id: fc.option(letter),
      principal_type: fc.constantFrom('user' as const, 'service' as const),
      principal_id: letter,
      key_id: letter,
      requested_model: fc.option(letter),
    })
    .map((change) => ({ ...ATTRIBUTION, ...change }));

  it('finds the limits that apply, and no others', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(letter, scope), { maxLength: 30 }), attribution, (list, of) => {
        const limits = list.map(([organisationId, each]) => ({ organisationId, scope: each }));
        const found = new LimitIndex(limits).of(of);
        expect(new Set(found)).toEqual(new Set(limits.filter((limit) => limitApplies(limit, of))));
        expect(found.length).toBe(new Set(found).size);
      }),
    );
  });
});

describe('FollowedLimits', () => {
  it('keeps the greatest version of each limit, in whatever order they come', () => {
    const versions = [
      message({}),
      message({ version: 2, amount: '200' }),
      message({ version: 3, deleted: true }),
    ];
    for (const order of [versions, versions.toReversed()]) {
      const followed = new FollowedLimits();
      for (const each of order) followed.apply(each);
      expect(followed.all()).toEqual([]);
    }
    const followed = new FollowedLimits();
    for (const each of versions.slice(0, 2).toReversed()) followed.apply(each);
    expect(followed.of(ATTRIBUTION)).toMatchObject([{ limitId: 'limit_1', version: 2, amount: 200n }]);
    expect(followed.of({ ...ATTRIBUTION, team_id: 'b' })).toEqual([]);
    expect(followed.get('limit_1')?.amount).toBe(200n);
    expect(followed.changes()).toBe(1);
    expect(followed.trouble()).toBeNull();
  });

  it.each([
    [{ unit: 'concurrent-requests' as const, window: 'none' as const }, /unit: concurrent-requests/],
    [{ scope: { galaxy: 'a' } }, /scope\.galaxy/],
    [{ unit: 'money' as const }, /currency/],
    [{ amount: '1.5' }, /whole number/],
    [{ time_zone: 'Mars/Olympus' }, /IANA/],
  ])('says which limit it does not enforce, until a later version of it: %j', (change, why) => {
    const followed = new FollowedLimits();
    followed.apply(message(change));
    expect(followed.all()).toEqual([]);
    expect(followed.trouble()).toMatch(why);
    followed.apply(message({ version: 2 }));
    expect(followed.all()).toHaveLength(1);
    expect(followed.trouble()).toBeNull();
  });
});

describe('usedOf', () => {
  const quantities = { input_tokens: 7, output_tokens: 5 };
  const used = (
    limit: Pick<Limit, 'unit' | 'currency'>,
    final = true,
    cost: Parameters<typeof usedOf>[1]['cost'] = null,
  ) => usedOf(limit, { final, quantities, cost });
  const USD = { unit: 'money', currency: 'USD' } as const;

  it('counts a request once, with its final usage, and tokens with every attempt', () => {
    expect(used({ unit: 'requests', currency: null })).toBe(1n);
    expect(used({ unit: 'requests', currency: null }, false)).toBe(0n);
    expect(used({ unit: 'input-tokens', currency: null }, false)).toBe(7n);
    expect(used({ unit: 'output-tokens', currency: null }, false)).toBe(5n);
    expect(used({ unit: 'total-tokens', currency: null }, false)).toBe(12n);
  });

  it('counts money where it is known in the currency of the limit', () => {
    expect(used(USD, true, { amount: 3n, currency: 'USD', unpriced: false })).toBe(3n);
    expect(used(USD, true, { amount: 0n, currency: null, unpriced: false })).toBe(0n);
    expect(used(USD, true, { amount: 3n, currency: 'EUR', unpriced: false })).toBeNull();
    expect(used(USD, true, { amount: 3n, currency: 'USD', unpriced: true })).toBeNull();
    expect(used(USD)).toBeNull();
  });
});
