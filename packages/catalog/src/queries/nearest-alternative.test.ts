import { COMPLIANCE_STANDARDS, SERVING_MODES } from '@tollgate/policy/located-yaml';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seedCatalog } from '../file/load-catalog.ts';
import { lifecycleOf } from './lifecycle.ts';
import { permitted } from './permitted.ts';

const catalog = seedCatalog();
const REGIONS = ['us-east-1', 'westeurope', 'japaneast', 'mars-1', null];

const question = fc.record({
  model: fc.constantFrom(...[...catalog.models].map(({ model }) => model), 'never-heard-of'),
  mode: fc.constantFrom(...SERVING_MODES),
  region: fc.constantFrom(...REGIONS),
  within: fc.constantFrom(...REGIONS, 'eu'),
  standards: fc.subarray([...COMPLIANCE_STANDARDS], { maxLength: 2 }),
  crossGeographyAllowed: fc.constantFrom(true, false, null),
  at: fc.integer({ min: Date.parse('2024-06-01'), max: Date.parse('2027-06-01') }),
  requireKnown: fc.boolean(),
});

test('what is advised is permitted itself, of the same task, no preview, and not about to end', () => {
  fc.assert(
    fc.property(question, (asked) => {
      const verdict = permitted(catalog, asked);
      if (verdict.allowed || verdict.alternative === null) return;
      const { alternative } = verdict;
      expect(permitted(catalog, { ...asked, ...alternative }).allowed).toBe(true);
      expect(catalog.model(alternative.model)?.task).toBe(catalog.model(asked.model)?.task ?? 'chat');
      const { notice, status } = lifecycleOf(catalog, alternative, asked.at);
      expect([notice, status === 'preview']).toEqual([false, false]);
    }),
    { numRuns: 300 },
  );
});

test('a refusal always names its rule, and asking for less never brings one about', () => {
  fc.assert(
    fc.property(question, (asked) => {
      const verdict = permitted(catalog, asked);
      if (!verdict.allowed) {
        expect(verdict.message.length).toBeGreaterThan(0);
        return;
      }
      const less = {
        ...asked,
        standards: [],
        within: null,
        crossGeographyAllowed: null,
        requireKnown: false,
      };
      expect(permitted(catalog, less).allowed).toBe(true);
    }),
    { numRuns: 300 },
  );
});
