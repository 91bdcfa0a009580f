import { draftsInOutbox } from '@tollgate/bus';
import { transaction } from '@tollgate/database';
import { parseEvent, serializeEvent, type TollgateEvent } from '@tollgate/events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chargeId } from '../charges/charge-id.ts';
import { CHARGED_AT_MS, ChargebackDatabase } from '../testing/chargeback-database.ts';
import { priceOf } from '../testing/price-rows.ts';
import { ATTRIBUTION, batchOf, countingUuid, usageBytes, usageEvent } from '../testing/usage-events.ts';
import { MAX_USAGE_BYTES, usageParser } from './parse-usage.ts';

const parseUsage = usageParser();
let database: ChargebackDatabase;

beforeAll(async () => {
  database = await ChargebackDatabase.create();
  await database.addPrices([priceOf({ amount: '0.54' }), priceOf({ token_class: 'output', amount: '0.64' })]);
});
afterAll(() => database.close());
beforeEach(() => database.clear());

/** What waits to be published, as its readers will parse it. */
async function published(): Promise<TollgateEvent<'tollgate.charge.v1'>[]> {
  const rows = await draftsInOutbox(database.pool);
  return rows.map(({ draft }, index) => {
    const parsed = parseEvent(serializeEvent(JSON.parse(draft), '/services/chargeback/test', index + 1));
    if (parsed.kind !== 'event' || parsed.event.type !== 'tollgate.charge.v1') {
      throw new Error(`no charge: ${JSON.stringify(parsed)}`);
    }
    return parsed.event;
  });
}

describe('the events of charges', () => {
  it('tell each charge with the amount that is stored, whose it is and which price it cites', async () => {
    await database.charge([usageEvent({ n: 1 }), usageEvent({ n: 2, quantities: { output_tokens: 0 } })]);
    const events = await published();
    const [first] = events;
    expect(first).toMatchObject({ time: '2026-03-10T12:00:02.000Z', subject: countingUuid(1, 2) });
    expect(first?.data).toEqual({
      usage_event_id: countingUuid(1),
      request_id: countingUuid(1, 2),
      attribution: ATTRIBUTION,
      requested_at: '2026-03-10T12:00:00.000Z',
      billing_period: '2026-03',
      charges: [
        {
          charge_id: chargeId(countingUuid(1), 'input'),
          token_class: 'input',
          quantity: 100,
          price_id: expect.any(String),
          amount: '0.000054',
          currency: 'USD',
          status: 'priced',
        },
        expect.objectContaining({
          charge_id: chargeId(countingUuid(1), 'output'),
          token_class: 'output',
          amount: '0.0000064',
        }),
      ],
    });
    const stored = await database.rows(
      'SELECT usage_event_id, token_class, amount::text, price_id FROM charge ORDER BY usage_event_id, token_class',
    );
    expect(
      events.flatMap(({ data: { usage_event_id, charges } }) =>
        charges.map(({ token_class, amount, price_id }) => ({
          usage_event_id,
          token_class,
          amount,
          price_id,
        })),
      ),
    ).toEqual(stored);
    expect(stored).toHaveLength(3);
  });

  it('repeat each attribution as it was, whatever its texts hold and whichever policy decided', async () => {
    const hostile = { team_id: 'team "\\\n\u2028', tags: { 'a"b': "'\\;--", ключ: '😀' } };
    const policy = { name: 'other', version: '2.0.0', digest: 'b'.repeat(64) };
    const specs = [{}, { policy }, hostile, {}];
    await database.charge(specs.map((attribution, n) => usageEvent({ n, attribution })));
    const events = await published();
    expect(events.map(({ data }) => data.attribution)).toEqual(
      specs.map((change) => ({ ...ATTRIBUTION, ...change })),
    );
    for (const { id } of events)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(events[0]?.id.replaceAll('-', '').slice(0, 12)).toBe(CHARGED_AT_MS.toString(16).padStart(12, '0'));
  });

  it('have ids of their own', async () => {
    await database.charge([usageEvent({ n: 1 }), usageEvent({ n: 2 })]);
    const ids = (await published()).map(({ id }) => id);
    expect(new Set(ids).size).toBe(2);
  });

  it('say unpriced without an amount, never zero', async () => {
    await database.charge([usageEvent({ n: 1, attribution: { served_model: 'unheard-of' } })]);
    expect(
      (await published()).flatMap(({ data }) =>
        data.charges.map(({ status, amount, price_id }) => [status, amount, price_id]),
      ),
    ).toEqual([
      ['unpriced', null, null],
      ['unpriced', null, null],
    ]);
  });

  it('are not told again when the usage comes again', async () => {
    const events = [usageEvent({ n: 1 }), usageEvent({ n: 2 })];
    await database.charge(events);
    await database.charge([...events, usageEvent({ n: 3 })]);
    await database.charge(events, database.handler());
    expect((await published()).flatMap(({ data }) => data.charges.map((line) => line.charge_id))).toEqual(
      [1, 2, 3].flatMap((n) => [chargeId(countingUuid(n), 'input'), chargeId(countingUuid(n), 'output')]),
    );
  });

  it('are as little there as the charges where the transaction fails', async () => {
    await expect(
      transaction(database.pool, async (tx) => {
        await database.handler().handle(batchOf([usageEvent({ n: 1 })]), tx);
        throw new Error('the broker went away');
      }),
    ).rejects.toThrow('the broker went away');
    expect(await database.rows('SELECT FROM outbox')).toEqual([]);
  });

  it('fit for every usage that is taken, and usage too large for that goes to the dead letters', async () => {
    const usageOf = (bytes: number) => {
      const padding =
        bytes - usageBytes({ n: 1, attribution: { served_model: null, tags: { a: '' } } }).length;
      const count = Math.floor(padding / 300);
      const tags = Object.fromEntries(
        Array.from({ length: count }, (_, n) => [`t${String(n).padStart(39, '0')}`, 'x'.repeat(254)]),
      );
      const short = usageBytes({
        n: 1,
        attribution: { served_model: null, tags: { ...tags, a: '' } },
      }).length;
      return usageBytes({
        n: 1,
        attribution: { served_model: null, tags: { ...tags, a: 'x'.repeat(Math.min(256, bytes - short)) } },
      });
    };
    const largest = usageOf(MAX_USAGE_BYTES);
    expect(largest.length).toBeGreaterThan(MAX_USAGE_BYTES - 300);
    const parsed = parseUsage(largest);
    if (parsed.kind !== 'event') throw new Error('refused');
    await database.charge([parsed.event]);
    expect(await published()).toHaveLength(1);
    expect(parseUsage(usageOf(MAX_USAGE_BYTES + 700))).toMatchObject({ kind: 'malformed' });
  });
});
