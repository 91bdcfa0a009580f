import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '@tollgate/telemetry';
import { BusError } from '../errors.ts';
import { withFileLock } from './file-lock.ts';
import { runProgram } from './program.ts';

/** The release that the client has been proven against. */
export const KAFKA_VERSION = '4.3.1';
const LOG4J_VERSION = '2.25.4';
const DOWNLOAD_TIMEOUT_MS = 300_000;
const QUOTED_OUTPUT_CHARACTERS = 2_000;

/** kafka-tools-api is left out: the broker does not need it, and Maven Central lacks it for some releases. */
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tollgate</groupId>
  <artifactId>local-kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${KAFKA_VERSION}</version>
      <exclusions>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>kafka-tools-api</artifactId></exclusion>
      </exclusions>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>${LOG4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;

/**
 * The folder of the broker's jars, fetched by Maven if it is not in the cache yet. Callers in several processes
 * wait for one download; a folder that is there is whole, because it is renamed into place.
 *
 * @throws BusError `maven-missing`, `kafka-download-failed`
 */
export async function kafkaJars(cacheFolder: string, logger?: Logger): Promise<string> {
  const target = path.join(cacheFolder, `kafka-${KAFKA_VERSION}`);
  if (existsSync(target)) return path.join(target, 'lib');
  await mkdir(cacheFolder, { recursive: true });
  await withFileLock(`${target}.lock`, DOWNLOAD_TIMEOUT_MS, async () => {
    if (!existsSync(target)) await download(target, logger);
  });
  return path.join(target, 'lib');
}

async function download(target: string, logger?: Logger): Promise<void> {
  const folder = await mkdtemp(`${target}.part-`);
  try {
    logger?.info({ version: KAFKA_VERSION }, 'fetching Apache Kafka from Maven Central, 44 MB, once');
    await writeFile(path.join(folder, 'pom.xml'), POM);
    const result = await runProgram(
      'mvn',
      [
        '-q',
        '-B',
        '--strict-checksums',
        'dependency:copy-dependencies',
        '-DincludeScope=runtime',
        `-DoutputDirectory=${path.join(folder, 'lib')}`,
      ],
      { cwd: folder, timeoutMs: DOWNLOAD_TIMEOUT_MS },
    );
    if (result === 'missing') {
      throw new BusError(
        'maven-missing',
        'a local Kafka is fetched by Maven, and `mvn` is not on the PATH: install Maven 3, or set KAFKA_BROKERS to a running broker',
      );
    }
    if (result.exitCode !== 0) {
      throw new BusError(
        'kafka-download-failed',
        `Maven could not fetch Apache Kafka ${KAFKA_VERSION} (exit ${result.exitCode}): ${result.output.slice(-QUOTED_OUTPUT_CHARACTERS)}`,
      );
    }
    await rename(folder, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
