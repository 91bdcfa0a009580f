import { createLogger } from '@tollgate/telemetry';
import { Command, InvalidArgumentError } from 'commander';
import { BusError } from '../../errors.ts';
import { commandConfig } from '../connection/command-config.ts';
import { accessList, type ServiceAccess } from './access-list.ts';
import { initTopics, type TopicState, type TopicsReport } from './topics.ts';

type InitFlags = {
  readonly dryRun?: true;
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly json?: true;
};

/** `tollgate topics`: creates what is missing, and says what each service must be allowed to do. */
export function topicsCommand(environment: NodeJS.ProcessEnv = process.env): Command {
  const command = new Command('topics').description("Tollgate's topics in Kafka");
  command
    .command('init')
    .description(
      'create missing topics, compare existing ones with the plan, list the access that services need',
    )
    .option('--dry-run', 'change nothing')
    .option('--partitions <n>', 'partitions of each new topic (12)', positiveInteger)
    .option(
      '--replication-factor <n>',
      'copies of each new topic (3, or as many as brokers)',
      positiveInteger,
    )
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nReads KAFKA_BROKERS, KAFKA_SSL, KAFKA_CA_FILE, KAFKA_SASL_… and TOLLGATE_TOPIC_PREFIX.\nExit: 0 all is as planned, 1 failed, or a topic differs from the plan (nothing is changed), 2 wrong use or configuration.',
    )
    .action(async (flags: InitFlags) => {
      const config = commandConfig(environment);
      const logger = createLogger({ service: 'topics', level: 'silent' });
      const report = await initTopics(config, { ...flags, logger }).catch((error: unknown) => {
        const cause = error instanceof Error ? error.message : String(error);
        throw new BusError('broker-unreachable', `topics could not be set up: ${cause}`, { cause: error });
      });
      const access = accessList(config);
      process.stdout.write(
        flags.json === true ? `${JSON.stringify({ ...report, access })}\n` : describe(report, access),
      );
      if (report.topics.some(({ state }) => state === 'different')) process.exitCode = 1;
    });
  return command;
}

function positiveInteger(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError('give a whole number from 1');
  return number;
}

const STATES: Readonly<Record<TopicState['state'], string>> = {
  created: 'created',
  'to-create': 'would be created',
  'as-planned': 'is as planned',
  'exists-unverified': 'is there; its settings may not be read by this user',
  different: 'differs from the plan',
};

function describe(report: TopicsReport, access: readonly ServiceAccess[]): string {
  const lines = [`${report.brokers} brokers`];
  for (const topic of report.topics) {
    lines.push(`${topic.name}: ${STATES[topic.state]}`);
    if (topic.state === 'different') lines.push(...topic.differences.map((line) => `  ${line}`));
  }
  lines.push('', 'Access that each service needs (principal: its own; host: any):');
  for (const { service, rules } of access) {
    lines.push(`${service}:`);
    for (const rule of rules) {
      lines.push(`  ${rule.operations.join(', ')} on ${rule.resource} ${rule.pattern} ${rule.name}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
