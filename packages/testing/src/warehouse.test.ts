import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { temporaryFolder } from './temporary-folder.ts';
import { openTestRun, RUN_VARIABLE, testRunFolder } from './test-run.ts';
import { warehouseForTests } from './warehouse.ts';

const outerRun = testRunFolder();
const { PATH } = process.env;

afterEach(() => {
  process.env['PATH'] = PATH;
  if (outerRun !== undefined) process.env[RUN_VARIABLE] = outerRun;
});

describe('warehouseForTests', () => {
  test('says what is missing where there is no Java, and starts nothing', async () => {
    const run = await openTestRun(temporaryFolder('runs'));
    process.env['PATH'] = temporaryFolder('nothing');
    try {
      const spark = await warehouseForTests();
      expect(spark).toEqual({
        available: false,
        reason: expect.stringMatching(/Spark needs Java 17.*install/),
      });
      expect(existsSync(path.join(run.folder, 'spark', 'spark.log'))).toBe(false);
    } finally {
      process.env['PATH'] = PATH;
      await run.close();
    }
  });
});
