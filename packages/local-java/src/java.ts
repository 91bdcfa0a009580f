import { LocalJavaError } from './errors.ts';
import { runProgram } from './program.ts';

/** The oldest Java that Apache Kafka 4 and Apache Spark 4 run on. */
export const MINIMUM_JAVA = 17;
const VERSION_TIMEOUT_MS = 120_000;

/**
 * The version of the Java on the PATH, such as `17.0.15`.
 *
 * @param what names the program that needs it, at the beginning of a sentence
 * @param otherwise what else the reader may do, as in `install one, or …`; nothing unless given
 * @throws LocalJavaError `java-missing`
 */
export async function requireJava(what: string, otherwise?: string): Promise<string> {
  const result = await runProgram('java', ['-version'], { timeoutMs: VERSION_TIMEOUT_MS });
  const version = result === 'missing' ? undefined : /version "([^"]+)"/.exec(result.output)?.[1];
  if (version === undefined || Number.parseInt(version, 10) < MINIMUM_JAVA) {
    const there = version === undefined ? 'none is there' : `Java ${version} is`;
    throw new LocalJavaError(
      'java-missing',
      `${what} needs Java ${MINIMUM_JAVA} or newer on the PATH, and ${there}: install one${otherwise === undefined ? '' : `, or ${otherwise}`}`,
    );
  }
  return version;
}
