import fc from 'fast-check';
import { getCountries, getCountryCallingCode } from 'libphonenumber-js/max';
import { expect, test } from 'vitest';
import { isPossibleByLibrary, isPossibleByTable } from './international-number.ts';

const codes = [...new Set(getCountries().map((country) => getCountryCallingCode(country)))];

test('where the table knows an answer, it is that of the library', () => {
  fc.assert(
    fc.property(fc.constantFrom(...codes), fc.stringMatching(/^\d{4,13}$/), (code, rest) => {
      const number = `+${code} ${rest.slice(0, 3)} ${rest.slice(3)}`;
      const known = isPossibleByTable(number, 0, number.length);
      if (known !== null) expect([number, known]).toEqual([number, isPossibleByLibrary(number)]);
    }),
    { numRuns: 3_000 },
  );
});

test('the table knows most countries', () => {
  const known = codes.filter((code) => isPossibleByTable(`+${code}5012345678`, 0, code.length + 11) !== null);
  expect(known.length).toBeGreaterThan(codes.length * 0.7);
});

test.each(['+', '+0', '+999 123456', '+0123456789'])('it says nothing of %j', (number) => {
  expect(isPossibleByTable(number, 0, number.length)).not.toBe(true);
});
