/**
 * A real Apache Kafka on this machine's Java, without Docker: for tests, and for `tollgate replay`.
 *
 * The broker's jars come from Maven Central once and are kept in a cache folder outside the repository. Each node is
 * a process of its own (KRaft, broker and controller in one) that listens on loopback only; a guard process ends it
 * should the starting process die without stopping it.
 *
 * Cost: 17 s for the first download; one node starts in about 3 s and takes 300–400 MB, three take 7 s and 0.9 GB;
 * a loaded machine is ten times slower.
 *
 * Known limits: no TLS, no authentication, POSIX only. Not for production.
 */
export { KAFKA_VERSION } from './jars.ts';
export {
  type LocalKafka,
  type LocalKafkaNode,
  type LocalKafkaOptions,
  startLocalKafka,
} from './start.ts';
