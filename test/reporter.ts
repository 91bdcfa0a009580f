import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule, TestSuite, Vitest } from 'vitest/node';

/** Where the counts go as JSON, for whoever started vitest. */
export const COUNTS_VARIABLE = 'TOLLGATE_TEST_COUNTS';

export type Counts = { passed: number; failed: number; skipped: number };

const NO_REASON = 'no reason given';

/** Says at the end what did not run and why, and hands over the counts. A test says why with `context.skip(reason)`. */
export default class NotRunReporter implements Reporter {
  #byName = false;

  onInit(vitest: Vitest): void {
    // Who asks for tests by name knows that the others do not run.
    this.#byName = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts: Counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    const notRun = new Map<string, TestCase[]>();
    for (const module of modules) {
      counts.failed += module.errors().length;
      for (const suite of module.children.allSuites()) counts.failed += errorsOf(suite);
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed' || result.state === 'failed') {
          counts[result.state] += 1;
          continue;
        }
        counts.skipped += 1;
        const reason = result.state === 'skipped' ? (result.note ?? NO_REASON) : 'the run ended before it';
        notRun.set(reason, [...(notRun.get(reason) ?? []), test]);
      }
    }
    if (notRun.size > 0 && !this.#byName) process.stdout.write(`\n${describe(notRun)}\n`);
    const file = process.env[COUNTS_VARIABLE];
    if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
  }
}

/** Errors of the suite's hooks; those of its tests are counted with them. */
function errorsOf(suite: TestSuite): number {
  return suite.errors().length;
}

function describe(notRun: Map<string, TestCase[]>): string {
  const lines = [...notRun].flatMap(([reason, tests]) => [
    `  ${reason}`,
    ...tests.map((test) => `    ${test.module.relativeModuleId}: ${test.fullName}`),
  ]);
  return ['Not run:', ...lines].join('\n');
}
