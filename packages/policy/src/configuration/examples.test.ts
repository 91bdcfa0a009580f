import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { assertServable, parsePolicyConfig } from './load.ts';

const WORKSPACE = { DATABRICKS_HOST: 'https://adb-1.2.azuredatabricks.net' };

/** A folder of example files whose names begin with their numbers, for those who have one. */
const EXAMPLES = process.env['POLICY_CONFIG_EXAMPLES'];

describe.skipIf(EXAMPLES === undefined)('the example files', () => {
  const folder = EXAMPLES ?? '.';
  const files = EXAMPLES === undefined ? [] : readdirSync(folder).filter((name) => name.endsWith('.yaml'));

  test.each(files)('%s checks clean, and is served where DATABRICKS_HOST names a workspace', (name) => {
    const text = readFileSync(join(folder, name));
    expect(parsePolicyConfig(text, { env: {}, allowPlaceholders: true }).chain.length).toBeGreaterThan(0);
    const config = assertServable(parsePolicyConfig(text, { env: WORKSPACE }));
    expect(config.targets.length).toBeGreaterThan(0);
  });

  test.each(files.filter((name) => /^[45]-/.test(name)))(
    '%s, which names no targets, is not served without DATABRICKS_HOST',
    (name) => {
      const config = parsePolicyConfig(readFileSync(join(folder, name)), { env: {} });
      expect(() => assertServable(config)).toThrowError(expect.objectContaining({ code: 'no-targets' }));
    },
  );
});
