import { mavenJars } from '@tollgate/local-java';
import type { Logger } from '@tollgate/telemetry';

/** The release that the client has been proven against. */
export const KAFKA_VERSION = '4.3.1';
const LOG4J_VERSION = '2.25.4';

/** What one may do where Kafka can't be had. */
export const OTHERWISE = 'set KAFKA_BROKERS to a running broker';

/** kafka-tools-api is left out: the broker does not need it, and Maven Central lacks it for some releases. */
const DEPENDENCIES = `
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
  `;

/**
 * The folder of the broker's jars, fetched by Maven if it is not in the cache yet.
 *
 * @throws LocalJavaError `maven-missing`, `download-failed`
 */
export function kafkaJars(cacheFolder: string, logger?: Logger): Promise<string> {
  return mavenJars({
    name: `kafka-${KAFKA_VERSION}`,
    what: `Apache Kafka ${KAFKA_VERSION}`,
    megabytes: 44,
    dependencies: DEPENDENCIES,
    otherwise: OTHERWISE,
    cacheFolder,
    logger,
  });
}
