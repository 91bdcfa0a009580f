import { expect, test } from 'vitest';
import published from '../../../policy-config.schema.json' with { type: 'json' };
import { policyJsonSchema } from './json-schema.ts';

test('the published schema is the one that files are read by; `tollgate policy schema` writes it', () => {
  expect(published).toEqual(JSON.parse(JSON.stringify(policyJsonSchema())));
});

test('it asks for no field that has a default, and knows every policy', () => {
  expect(published.required).toEqual(['pack', 'policies']);
  expect(Object.keys(published.properties.policy.properties)).toEqual([
    'prompt-injection',
    'pii-detector',
    'dlp-filter',
    'rbac',
    'safety-filter',
    'audit-logger',
  ]);
  expect(published.properties.providers.properties.targets.items.required).toEqual(['id', 'provider']);
});
