import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule, TestSuite, Vitest } from 'vitest/node';

/** Where the counts go as JSON, for whoever started vitest. */
export const COUNTS_VARIABLE = 'TOLLGATE_TEST_COUNTS';

export type Counts = { passed: number; failed: number; skipped: number };

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
        const reason = reasonOf(test);
        notRun.set(reason, [...(notRun.get(reason) ?? []), test]);
      }
    }
    if (notRun.size > 0 && !this.#byName) process.stdout.write(`\n${describe(notRun)}\n`);
    const file = process.env[COUNTS_VARIABLE];
    if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
  }
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  if (result.state === 'pending') return 'the run ended before it';
  if (result.state === 'skipped' && result.note !== undefined) return result.note;
  if (test.options.mode === 'todo') return 'not written yet';
  return test.options.mode === 'run' ? 'a hook before it failed' : 'no reason given';
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
