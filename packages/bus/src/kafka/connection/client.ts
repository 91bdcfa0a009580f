import { readFile } from 'node:fs/promises';
import type { Logger } from '@tollgate/telemetry';
import { Kafka, type KafkaConfig as KafkajsOptions, logLevel, type SASLOptions } from 'kafkajs';
import { BusError } from '../../errors.ts';
import type { KafkaConfig, KafkaSasl } from './config.ts';
import { adaptKafkajs } from './kafkajs-internals.ts';
import { logThrough } from './kafkajs-logging.ts';

const CONNECTION_TIMEOUT_MS = 5_000;
const AUTHENTICATION_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;

/** Between attempts of kafkajs; whoever calls goes on trying beyond them. */
export const RETRY = { initialRetryTime: 100, maxRetryTime: 1_000, multiplier: 1.5, factor: 0.2, retries: 8 };

/** What kafkajs is told of a cluster. */
export function clientOptions(config: KafkaConfig, clientId: string, logger: Logger): KafkajsOptions {
  return {
    clientId,
    brokers: [...config.brokers],
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    authenticationTimeout: AUTHENTICATION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retry: RETRY,
    logLevel: logLevel.WARN,
    logCreator: logThrough(logger),
    ...(config.tls === undefined
      ? {}
      : { ssl: config.tls.ca === undefined ? true : { ca: [config.tls.ca] } }),
    ...(config.sasl === undefined ? {} : { sasl: saslOptions(config.sasl) }),
  };
}

function saslOptions(sasl: KafkaSasl): SASLOptions {
  if (sasl.mechanism !== 'oauthbearer') return { ...sasl };
  const { tokenFile } = sasl;
  return {
    mechanism: 'oauthbearer',
    oauthBearerProvider: async () => {
      const token = await readFile(tokenFile, 'utf8').catch((error: unknown) => {
        throw new BusError('bad-config', `KAFKA_SASL_TOKEN_FILE: ${tokenFile} can't be read`, {
          cause: error,
        });
      });
      return { value: token.trim() };
    },
  };
}

/**
 * A client of its own for each producer and consumer: kafkajs shares a map of offsets between all consumers of one
 * client that are in the same group.
 */
export function createKafkaClient(config: KafkaConfig, clientId: string, logger: Logger): Kafka {
  adaptKafkajs();
  return new Kafka(clientOptions(config, clientId, logger));
}
