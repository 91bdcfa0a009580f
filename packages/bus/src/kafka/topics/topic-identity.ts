import type { Kafka } from 'kafkajs';
import { createKafkaClient } from '../connection/client.ts';
import type { KafkaContext } from '../connection/context.ts';
import { decodeMetadataResponse, encodeMetadataRequest, METADATA_VERSION } from './metadata-protocol.ts';

/**
 * What tells a topic from another of the same name that was made after it was deleted: `<cluster id>/<topic id>`;
 * empty where the cluster does not tell (Kafka before 3.1).
 */
export type TopicIdentity = string;

type Connection = {
  send(protocol: {
    request: { apiKey: number; apiVersion: number; apiName: string; encode: () => Promise<unknown> };
    response: {
      decode: (bytes: Buffer) => Promise<unknown>;
      parse: (answer: unknown) => Promise<unknown>;
    };
  }): Promise<unknown>;
};
type Broker = {
  versions: Record<string, { maxVersion: number } | undefined> | null;
  connectionPool: Connection;
};
type Cluster = {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  brokerPool: { findConnectedBroker(): Promise<Broker> };
};

const METADATA_API_KEY = 3;

/** Identities of topics by their name in Kafka; a topic that is not there is absent. */
export async function topicIdentities(
  context: Pick<KafkaContext, 'config' | 'clientId' | 'logger'>,
  names: readonly string[],
): Promise<Map<string, TopicIdentity>> {
  const cluster = clusterOf(createKafkaClient(context.config, `${context.clientId}-admin`, context.logger));
  if (cluster === null) return new Map(names.map((name) => [name, '']));
  await cluster.connect();
  try {
    const broker = await cluster.brokerPool.findConnectedBroker();
    if ((broker.versions?.[METADATA_API_KEY]?.maxVersion ?? 0) < METADATA_VERSION) {
      return new Map(names.map((name) => [name, '']));
    }
    let answer: ReturnType<typeof decodeMetadataResponse> | undefined;
    await broker.connectionPool.send({
      request: {
        apiKey: METADATA_API_KEY,
        apiVersion: METADATA_VERSION,
        apiName: 'Metadata',
        encode: async () => encoderOf(encodeMetadataRequest(names)),
      },
      response: {
        decode: async (bytes) => {
          answer = decodeMetadataResponse(bytes);
          return answer;
        },
        parse: async (decoded) => decoded,
      },
    });
    const clusterId = answer?.clusterId ?? '';
    return new Map(answer?.topics.map(({ name, id }) => [name, `${clusterId}/${id}`]));
  } finally {
    await cluster.disconnect().catch(() => {});
  }
}

/** What kafkajs takes for an encoder: it only looks at these two. */
function encoderOf(bytes: Buffer): { buf: Buffer; buffer: Buffer } {
  return { buf: bytes, buffer: bytes };
}

/** kafkajs can't ask for topic ids; its connection, with TLS and SASL done, can. */
function clusterOf(kafka: Kafka): Cluster | null {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    (candidate) => candidate.description === 'private:Kafka:createCluster',
  );
  if (symbol === undefined) return null;
  const create: unknown = Reflect.get(kafka, symbol);
  if (typeof create !== 'function') return null;
  const cluster: Cluster = create({ allowAutoTopicCreation: false });
  return cluster;
}
