import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { defaultCacheFolder, requireJava, runProgram } from '@tollgate/local-java';
import type { Logger } from '@tollgate/telemetry';
import { BusError } from '../errors.ts';
import { kafkaJars, OTHERWISE } from './jars.ts';
import { type NodeFiles, type NodeProcess, spawnNode } from './node-process.ts';
import { freePorts } from './ports.ts';
import { brokerAddress, LOG4J_PROPERTIES, type NodeAddress, serverProperties } from './properties.ts';

export type LocalKafkaOptions = {
  /** Holds data, configuration and logs; made if missing. The caller removes it after `stop`. */
  readonly folder: string;
  /** 1 unless given. */
  readonly nodes?: 1 | 3;
  /** Where the broker's jars are kept; see `defaultCacheFolder` unless given. */
  readonly cacheFolder?: string;
  /** A dead node is noticed within two seconds instead of nine. */
  readonly fastFailover?: boolean;
  /** The nodes live on when this process ends without `stop`; whoever asks for it ends them by their pids. */
  readonly outlivesUs?: boolean;
  /** Broker settings that are added, or replace ours: another listener, an authorizer. */
  readonly settings?: (node: NodeAddress) => Readonly<Record<string, string>>;
  /** Handed on to Kafka's storage tool, such as `--add-scram`. */
  readonly formatArguments?: readonly string[];
  readonly logger?: Logger;
};

export type LocalKafkaNode = {
  readonly id: number;
  /** `host:port` of the broker. */
  readonly address: string;
  /** The current process. */
  readonly pid: number;
  /** Sends the signal and resolves once the process is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts the node again after it has gone, on the same port and data. Resolves once it is up. */
  start(): Promise<void>;
};

export type LocalKafka = {
  readonly brokers: readonly string[];
  readonly nodes: readonly LocalKafkaNode[];
  stop(): Promise<void>;
};

const PROGRAM_TIMEOUT_MS = 120_000;
/** Another process may take a port between our look and the broker's bind. */
const MAX_START_ATTEMPTS = 3;

/**
 * Starts a fresh cluster and resolves once every node is up.
 *
 * @throws LocalJavaError `java-missing`, `maven-missing`, `download-failed`; BusError `kafka-start-failed`
 */
export async function startLocalKafka(options: LocalKafkaOptions): Promise<LocalKafka> {
  await requireJava('a local Kafka', OTHERWISE);
  const lib = await kafkaJars(options.cacheFolder ?? defaultCacheFolder(), options.logger);
  const classPath = path.join(lib, '*');
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startCluster(options, path.join(options.folder, `attempt-${attempt}`), classPath);
    } catch (error) {
      if (attempt === MAX_START_ATTEMPTS || !String(error).includes('BindException')) throw error;
      options.logger?.info({ err: error }, 'a port was taken meanwhile; starting the local Kafka on others');
    }
  }
}

async function startCluster(
  options: LocalKafkaOptions,
  folder: string,
  classPath: string,
): Promise<LocalKafka> {
  const addresses = await chooseAddresses(options.nodes ?? 1);
  const clusterId = newClusterId();
  const files: NodeFiles[] = [];
  for (const node of addresses) {
    files.push(await formatNode({ node, nodes: addresses, folder, classPath, clusterId, options }));
  }
  const running = await Promise.all(files.map(spawnNode));
  try {
    await Promise.all(running.map((node) => node.ready()));
  } catch (error) {
    await Promise.all(running.map((node) => node.stop()));
    throw error;
  }
  const nodes = addresses.map((address, index) => nodeHandle(address, files[index], running[index]));
  options.logger?.debug({ brokers: addresses.map(brokerAddress) }, 'local Kafka is up');
  return {
    brokers: addresses.map(brokerAddress),
    nodes,
    stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))),
  };
}

function nodeHandle(
  address: NodeAddress,
  files: NodeFiles | undefined,
  first: NodeProcess | undefined,
): LocalKafkaNode & { stop(): Promise<void> } {
  if (files === undefined || first === undefined) throw new Error('a node without files or process');
  let current: NodeProcess = first;
  return {
    id: address.id,
    address: brokerAddress(address),
    get pid() {
      return current.pid;
    },
    async kill(signal) {
      current.kill(signal);
      await current.exited;
    },
    async start() {
      await current.exited;
      const next = await spawnNode(files);
      current = next;
      await next.ready();
    },
    stop: () => current.stop(),
  };
}

async function chooseAddresses(count: number): Promise<NodeAddress[]> {
  const ports = await freePorts(count * 2);
  return Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    brokerPort: ports[index * 2] ?? 0,
    controllerPort: ports[index * 2 + 1] ?? 0,
  }));
}

async function formatNode(context: {
  node: NodeAddress;
  nodes: readonly NodeAddress[];
  folder: string;
  classPath: string;
  clusterId: string;
  options: LocalKafkaOptions;
}): Promise<NodeFiles> {
  const folder = path.join(context.folder, `node-${context.node.id}`);
  await mkdir(folder, { recursive: true });
  const files: NodeFiles = {
    folder,
    properties: path.join(folder, 'server.properties'),
    log4j: path.join(folder, 'log4j2.properties'),
    classPath: context.classPath,
    outlivesUs: context.options.outlivesUs ?? false,
  };
  await writeFile(files.log4j, LOG4J_PROPERTIES);
  await writeFile(
    files.properties,
    serverProperties({
      node: context.node,
      nodes: context.nodes,
      dataFolder: path.join(folder, 'data'),
      fastFailover: context.options.fastFailover ?? false,
      settings: context.options.settings?.(context.node) ?? {},
    }),
  );
  const result = await runProgram(
    'java',
    [
      '-Xmx128m',
      '-XX:TieredStopAtLevel=1',
      `-Dlog4j2.configurationFile=${files.log4j}`,
      '-cp',
      files.classPath,
      'kafka.tools.StorageTool',
      'format',
      '-t',
      context.clusterId,
      '-c',
      files.properties,
      ...(context.options.formatArguments ?? []),
    ],
    { timeoutMs: PROGRAM_TIMEOUT_MS },
  );
  if (result === 'missing' || result.exitCode !== 0) {
    throw new BusError(
      'kafka-start-failed',
      `the local Kafka's storage could not be formatted: ${result === 'missing' ? 'no java' : result.output}`,
    );
  }
  return files;
}

/** 22 characters of base64url; never with a dash in front, which Kafka's own tools take for an option. */
function newClusterId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}
