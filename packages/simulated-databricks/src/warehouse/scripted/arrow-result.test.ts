import { describe, expect, it, onTestFinished } from 'vitest';
import { connect, query } from '../driver-under-test.ts';
import { startWarehouse } from '../warehouse.ts';
import { arrowResult } from './arrow-result.ts';
import { scriptedEngine } from './scripted-engine.ts';

const ALL_DIGITS = `${'1234567890'.repeat(2)}.${'123456789012345678'}`;

async function decimalsThroughTheDriver(amounts: readonly string[]): Promise<unknown[]> {
  const rows = amounts.map((amount) => ({ amount, text: amount }));
  const engine = scriptedEngine().on(/^SELECT/, () => ({
    columns: { amount: 'decimal(38,18)', text: 'string' },
    rows,
  }));
  const warehouse = await startWarehouse({ engine });
  onTestFinished(() => warehouse.stop());
  return query(await (await connect(warehouse)).openSession(), 'SELECT amounts');
}

describe('rows as Arrow', () => {
  it('keep every digit of a decimal', async () => {
    const amounts = [ALL_DIGITS, '0.000000000000000000', '-0.000000000000000001', '-1.500000000000000000'];
    expect(await decimalsThroughTheDriver(amounts)).toEqual(
      amounts.map((amount) => ({ amount, text: amount })),
    );
  });

  // @databricks/sql 2.1.0 takes the unscaled digits through a number to negate them. Once this fails, it no longer does.
  it.each([`-${ALL_DIGITS}`, '-1000.000000000000000000'])(
    'lose digits of a large negative decimal in the driver, not of a decimal selected as text: %s',
    async (amount) => {
      const [row] = await decimalsThroughTheDriver([amount]);
      expect(row).toMatchObject({ text: amount });
      expect(row).not.toMatchObject({ amount });
    },
  );

  it('are refused where their column can’t hold them', () => {
    expect(() => arrowResult({ amount: 'decimal(10,2)' }, [{ amount: '0.001' }])).toThrow(
      'amount decimal(10,2) can’t hold 0.001',
    );
    expect(() => arrowResult({ n: 'bigint' }, [{ n: 'seven' }])).toThrow(/can’t hold seven/);
  });
});
