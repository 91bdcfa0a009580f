import { EMISSION_MATRIX } from '@tollgate/events';
import { describe, expect, test } from 'vitest';
import { ANSWERED } from './testing/answered-fates.ts';
import { BROKEN } from './testing/broken-fates.ts';
import { settled, standForEach, under, until } from './testing/fates.ts';
import { REFUSED } from './testing/refused-fates.ts';

standForEach();

const cases = [...ANSWERED, ...REFUSED, ...BROKEN];

describe('the events of a request are those its fate asks for', () => {
  test.each(cases)('$fate: $name', async ({ fate, run }) => {
    await run();
    await settled(fate);
    const written = () => under.spool.flushed === under.spool.appended.length;
    if (fate === 'aborted' || fate === 'allowed-without-attempt') await until(written);
    // What the caller saw the end of had been written before; rejections are written in their own time.
    else if (fate !== 'unauthenticated') expect(written()).toBe(true);
  });

  test('every fate of a single gateway process is driven', () => {
    const driven = new Set<string>(cases.map(({ fate }) => fate));
    expect(Object.keys(EMISSION_MATRIX).filter((fate) => !driven.has(fate))).toEqual(['fallen-back', 'lost']);
  });
});
