import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '@tollgate/telemetry';
import { LocalJavaError } from './errors.ts';
import { withFileLock } from './file-lock.ts';
import { runProgram } from './program.ts';

export type MavenJars = {
  /** The folder's name in the cache: program and version, such as `kafka-4.3.1`. */
  readonly name: string;
  /** For the log and for errors: `Apache Kafka 4.3.1`. */
  readonly what: string;
  /** What is downloaded where Maven has none of it. */
  readonly megabytes: number;
  /** `<dependency>` elements of a POM. */
  readonly dependencies: string;
  /** What else the reader may do where there is no Maven, as in `install Maven 3, or …`. */
  readonly otherwise?: string;
  readonly cacheFolder: string;
  readonly logger?: Logger | undefined;
};

const DOWNLOAD_TIMEOUT_MS = 600_000;
const QUOTED_OUTPUT_CHARACTERS = 2_000;

/**
 * The folder of a program's jars, fetched by Maven if it is not in the cache yet. Callers in several processes wait
 * for one download; a folder that is there is whole, because it is renamed into place.
 *
 * @throws LocalJavaError `maven-missing`, `download-failed`
 */
export async function mavenJars(jars: MavenJars): Promise<string> {
  const target = path.join(jars.cacheFolder, jars.name);
  if (!existsSync(target)) {
    await mkdir(jars.cacheFolder, { recursive: true });
    await withFileLock(`${target}.lock`, DOWNLOAD_TIMEOUT_MS, async () => {
      if (!existsSync(target)) await download(jars, target);
    });
  }
  return path.join(target, 'lib');
}

async function download(jars: MavenJars, target: string): Promise<void> {
  const folder = await mkdtemp(`${target}.part-`);
  try {
    jars.logger?.info(`fetching ${jars.what} from Maven Central, ${jars.megabytes} MB, once`);
    await writeFile(path.join(folder, 'pom.xml'), pom(jars));
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
      throw new LocalJavaError(
        'maven-missing',
        `${jars.what} is fetched by Maven, and \`mvn\` is not on the PATH: install Maven 3${jars.otherwise === undefined ? '' : `, or ${jars.otherwise}`}`,
      );
    }
    if (result.exitCode !== 0) {
      throw new LocalJavaError(
        'download-failed',
        `Maven could not fetch ${jars.what} (exit ${result.exitCode}): ${result.output.slice(-QUOTED_OUTPUT_CHARACTERS)}`,
      );
    }
    await rename(folder, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function pom({ name, dependencies }: MavenJars): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tollgate</groupId>
  <artifactId>${name}</artifactId>
  <version>1</version>
  <dependencies>${dependencies}</dependencies>
</project>
`;
}
