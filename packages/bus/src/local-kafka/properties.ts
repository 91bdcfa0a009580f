/** One node of a local cluster: broker and controller in one process. */
export type NodeAddress = {
  readonly id: number;
  readonly brokerPort: number;
  readonly controllerPort: number;
};

const HOST = '127.0.0.1';

/** Partitions of Kafka's own topics: few, so that a small cluster starts fast. */
const INTERNAL_PARTITIONS = 3;
const CLEANER_BUFFER_BYTES = 16 * 1024 * 1024;

export function brokerAddress(node: NodeAddress): string {
  return `${HOST}:${node.brokerPort}`;
}

/** `server.properties` of one node of a KRaft cluster. */
export function serverProperties(options: {
  readonly node: NodeAddress;
  readonly nodes: readonly NodeAddress[];
  readonly dataFolder: string;
  /** Notice a dead broker within two seconds instead of nine; too touchy for production. */
  readonly fastFailover: boolean;
  readonly settings: Readonly<Record<string, string>>;
}): string {
  const { node, nodes } = options;
  const replicas = nodes.length;
  const inSync = Math.min(2, replicas);
  const properties: Record<string, string | number> = {
    'process.roles': 'broker,controller',
    'node.id': node.id,
    'controller.quorum.voters': nodes.map((n) => `${n.id}@${HOST}:${n.controllerPort}`).join(','),
    listeners: `PLAINTEXT://${brokerAddress(node)},CONTROLLER://${HOST}:${node.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://${brokerAddress(node)}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': options.dataFolder,
    'auto.create.topics.enable': 'false',
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': INTERNAL_PARTITIONS,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': INTERNAL_PARTITIONS,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': INTERNAL_PARTITIONS,
    'group.initial.rebalance.delay.ms': 0,
    'log.cleaner.dedupe.buffer.size': CLEANER_BUFFER_BYTES,
    'num.network.threads': 2,
    'num.io.threads': 4,
    ...(options.fastFailover
      ? {
          'broker.session.timeout.ms': 1_500,
          'broker.heartbeat.interval.ms': 300,
          'controller.quorum.election.timeout.ms': 500,
          'controller.quorum.fetch.timeout.ms': 1_000,
        }
      : {}),
    ...options.settings,
  };
  return `${Object.entries(properties)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n`;
}

/** Only warnings, and the one line that says the node is up. */
export const LOG4J_PROPERTIES = `status=warn
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=info
`;
