import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import {
  compiledJar,
  defaultCacheFolder,
  mavenJars,
  requireJava,
  runProgram,
  withFileLock,
} from '@tollgate/local-java';
import type { Logger } from '@tollgate/telemetry';

export const SPARK_VERSION = '4.0.1';
export const DELTA_VERSION = '4.0.1';

/** Everything but the main class's own arguments. */
export interface SparkProgram {
  readonly javaArguments: readonly string[];
  readonly mainClass: string;
}

const SOURCES = path.join(import.meta.dirname, '../../../spark');
const MAIN_CLASS = 'SqlServer';
const REHEARSAL_TIMEOUT_MS = 300_000;
/** A younger cache may be thrown away after its first use, as on CI; to archive classes for that would not pay. */
const ARCHIVED_AFTER_MS = 3_600_000;

const DEPENDENCIES = `
    <dependency>
      <groupId>org.apache.spark</groupId>
      <artifactId>spark-sql_2.13</artifactId>
      <version>${SPARK_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>io.delta</groupId>
      <artifactId>delta-spark_2.13</artifactId>
      <version>${DELTA_VERSION}</version>
    </dependency>
  `;

/** What Spark reaches into: org.apache.spark.launcher.JavaModuleOptions. */
const OPENED = [
  'java.lang',
  'java.lang.invoke',
  'java.lang.reflect',
  'java.io',
  'java.net',
  'java.nio',
  'java.util',
  'java.util.concurrent',
  'java.util.concurrent.atomic',
  'sun.nio.ch',
  'sun.nio.cs',
  'sun.security.action',
  'sun.util.calendar',
];

const JVM_OPTIONS = [
  ...OPENED.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
  '-Djdk.reflect.useDirectMethodHandle=false',
  '-Dio.netty.tryReflectionSetAccessible=true',
  '-Xmx1g',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
];

/**
 * What runs our SQL server on Spark: jars fetched by Maven, our classes compiled, and, from the first start on that is an
 * hour later, an archive of the classes that it loads, which halves the time of a start. All is kept in the cache.
 *
 * @throws LocalJavaError `java-missing`, `maven-missing`, `download-failed`, `compiler-missing`, `compile-failed`
 */
export async function sparkProgram(options: {
  readonly cacheFolder?: string | undefined;
  readonly logger?: Logger | undefined;
}): Promise<SparkProgram> {
  const cacheFolder = options.cacheFolder ?? defaultCacheFolder();
  const javaVersion = await requireJava('a local Apache Spark');
  const libraries = await mavenJars({
    name: `spark-${SPARK_VERSION}-delta-${DELTA_VERSION}`,
    what: `Apache Spark ${SPARK_VERSION} and Delta Lake ${DELTA_VERSION}`,
    megabytes: 276,
    dependencies: DEPENDENCIES,
    cacheFolder,
    logger: options.logger,
  });
  const compiled = await compiledJar({
    name: 'spark-sql-server',
    sourceFolder: SOURCES,
    libraries,
    javaVersion,
    cacheFolder,
  });
  // One by one and in order, since an archive is good for one class path only.
  const jars = (await readdir(libraries)).sort().map((name) => path.join(libraries, name));
  const program = path.join(compiled, 'program.jar');
  const classPath = [program, ...jars].join(path.delimiter);
  const archive = path.join(compiled, 'classes.jsa');
  const ageMs = Date.now() - (await stat(program)).mtimeMs;
  if (ageMs > ARCHIVED_AFTER_MS) await archiveClasses(archive, classPath, options.logger);
  return {
    javaArguments: [
      ...JVM_OPTIONS,
      `-XX:SharedArchiveFile=${archive}`,
      '-Xlog:cds=off',
      '-Xlog:cds+dynamic=off',
      '-cp',
      classPath,
    ],
    mainClass: MAIN_CLASS,
  };
}

/** A start without the archive is slow, but no worse: where it can't be made, that is said and left so. */
async function archiveClasses(archive: string, classPath: string, logger: Logger | undefined): Promise<void> {
  if (existsSync(archive)) return;
  await withFileLock(`${archive}.lock`, REHEARSAL_TIMEOUT_MS, async () => {
    if (existsSync(archive)) return;
    const folder = await mkdtemp(`${archive}.part-`);
    try {
      const partial = path.join(folder, 'classes.jsa');
      const result = await runProgram(
        'java',
        [
          ...JVM_OPTIONS,
          `-XX:ArchiveClassesAtExit=${partial}`,
          '-cp',
          classPath,
          MAIN_CLASS,
          folder,
          'rehearse',
        ],
        { cwd: folder, timeoutMs: REHEARSAL_TIMEOUT_MS },
      );
      if (result !== 'missing' && result.exitCode === 0 && existsSync(partial))
        await rename(partial, archive);
      else logger?.warn({ result }, 'no archive of Spark’s classes could be made; it starts slowly');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}
