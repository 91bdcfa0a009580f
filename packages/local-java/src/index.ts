/**
 * Programs that run on this machine's Java, without Docker: Apache Kafka for tests and replays, Apache Spark for tests.
 *
 * `mavenJars` has Maven fetch a program's jars once, into a cache folder outside the repository; `compiledJar` compiles
 * the little Java that is ours, once per state of its source; `requireJava` says what is missing where Java is.
 *
 * Cost: the first download, as large as the program; after that, some file checks, and 0.1 s for `requireJava`.
 *
 * Invariants: what is in the cache is whole, since it is renamed into place; processes that want the same thing at the
 * same time wait for one of them.
 *
 * Known limits: nothing in the cache is ever removed; POSIX only.
 */
export { defaultCacheFolder } from './cache-folder.ts';
export { compiledJar } from './compiled-jar.ts';
export { LocalJavaError, type LocalJavaErrorCode } from './errors.ts';
export { withFileLock } from './file-lock.ts';
export { requireJava } from './java.ts';
export { mavenJars } from './maven-jars.ts';
export { type ProgramResult, runProgram } from './program.ts';
