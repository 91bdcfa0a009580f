import { readFileSync } from 'node:fs';
import { z } from 'zod';

const brokerList = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((broker) => broker.trim())
      .filter((broker) => broker !== ''),
  )
  .pipe(
    z
      .array(
        z.string().regex(/^(\[[0-9a-fA-F:]+\]|[^\s:/]+):\d{1,5}$/, 'list brokers as host:port,host:port'),
      )
      .min(1, 'list at least one broker as host:port'),
  );

const flag = z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1');

/** Characters that Kafka allows in a topic's name; 200 of its 249 leave room for the topic itself. */
const topicPrefix = z
  .string()
  .regex(/^[A-Za-z0-9._-]{0,200}$/, 'use letters, digits, dot, dash and underscore');

const environment = z.object({
  KAFKA_BROKERS: brokerList,
  /** Defaults to true where KAFKA_CA_FILE is given. */
  KAFKA_SSL: flag.optional(),
  /** PEM file of the certificate authorities to trust instead of the system's. */
  KAFKA_CA_FILE: z.string().min(1).optional(),
  KAFKA_SASL_MECHANISM: z.enum(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']).optional(),
  KAFKA_SASL_USERNAME: z.string().min(1).optional(),
  KAFKA_SASL_PASSWORD: z.string().min(1).optional(),
  KAFKA_SASL_PASSWORD_FILE: z.string().min(1).optional(),
  /** Holds the bearer token; read anew at each connection, so that it can be rotated. */
  KAFKA_SASL_TOKEN_FILE: z.string().min(1).optional(),
  TOLLGATE_TOPIC_PREFIX: topicPrefix.default('tollgate.'),
});

export type KafkaSasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      readonly password: string;
    }
  | { readonly mechanism: 'oauthbearer'; readonly tokenFile: string };

export type KafkaConfig = {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  /** Prepended to every topic's and group's name. */
  readonly topicPrefix: string;
  /** Absent: plain text. `ca`: PEM of the authorities to trust instead of the system's. */
  readonly tls?: { readonly ca?: string };
  readonly sasl?: KafkaSasl;
};

/**
 * How to reach Kafka, from the environment. A service's own schema includes it by `kafkaConfig.parse(env)` or
 * `.safeParse`; issues name the variable. Files are read here, except a bearer token's.
 */
export const kafkaConfig = environment.transform((env, context): KafkaConfig => {
  const fail = (variable: string, message: string): never => {
    context.addIssue({ code: 'custom', path: [variable], message });
    return z.NEVER;
  };
  const read = (variable: string, file: string): string => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return fail(variable, `${file} can't be read`);
    }
  };

  const ca = env.KAFKA_CA_FILE === undefined ? undefined : read('KAFKA_CA_FILE', env.KAFKA_CA_FILE);
  const tls = env.KAFKA_SSL ?? ca !== undefined;
  if (!tls && ca !== undefined) fail('KAFKA_SSL', 'is false, yet KAFKA_CA_FILE is given');
  const sasl = saslOf(env, fail, read);
  return {
    brokers: env.KAFKA_BROKERS,
    topicPrefix: env.TOLLGATE_TOPIC_PREFIX,
    ...(tls ? { tls: ca === undefined ? {} : { ca } } : {}),
    ...(sasl === undefined ? {} : { sasl }),
  };
});

function saslOf(
  env: z.output<typeof environment>,
  fail: (variable: string, message: string) => never,
  read: (variable: string, file: string) => string,
): KafkaSasl | undefined {
  const mechanism = env.KAFKA_SASL_MECHANISM;
  if (mechanism === undefined) {
    for (const variable of ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD', 'KAFKA_SASL_TOKEN_FILE'] as const) {
      if (env[variable] !== undefined) fail('KAFKA_SASL_MECHANISM', `is missing, yet ${variable} is given`);
    }
    return undefined;
  }
  if (mechanism === 'oauthbearer') {
    const tokenFile = env.KAFKA_SASL_TOKEN_FILE;
    return tokenFile === undefined
      ? fail('KAFKA_SASL_TOKEN_FILE', 'name the file that holds the bearer token')
      : { mechanism, tokenFile };
  }
  const username = env.KAFKA_SASL_USERNAME ?? fail('KAFKA_SASL_USERNAME', `is needed for ${mechanism}`);
  if (env.KAFKA_SASL_PASSWORD !== undefined && env.KAFKA_SASL_PASSWORD_FILE !== undefined) {
    fail('KAFKA_SASL_PASSWORD_FILE', 'give either this or KAFKA_SASL_PASSWORD');
  }
  const password =
    env.KAFKA_SASL_PASSWORD ??
    (env.KAFKA_SASL_PASSWORD_FILE === undefined
      ? fail('KAFKA_SASL_PASSWORD', `or KAFKA_SASL_PASSWORD_FILE is needed for ${mechanism}`)
      : read('KAFKA_SASL_PASSWORD_FILE', env.KAFKA_SASL_PASSWORD_FILE).replace(/\r?\n$/, ''));
  return { mechanism, username, password };
}
