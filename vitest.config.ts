import { defineConfig } from 'vitest/config';

/** Most tests run two files at a time; those that kill processes or measure run alone, after the others. */
const ALONE = ['**/*.alone.test.ts', 'test/faults/**/*.test.ts', 'test/load/**/*.test.ts'];

const EVERYWHERE = ['packages/*/src/**/*.test.ts', 'services/*/src/**/*.test.ts', 'test/**/*.test.ts'];

export default defineConfig({
  test: {
    globalSetup: ['./packages/testing/src/global-setup.ts'],
    testTimeout: 30_000,
    reporters: ['default', './test/reporter.ts'],
    // The first test that needs a broker waits in a hook while it is fetched and started.
    hookTimeout: 420_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'parallel',
          include: EVERYWHERE,
          exclude: ['**/node_modules/**', ...ALONE],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: ALONE,
          testTimeout: 300_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
