import { createLogger } from '@tollgate/telemetry';
import { Command } from 'commander';
import { chooseBus } from '../create-bus.ts';
import { kafkaTopicLog } from '../kafka/topics/topic-log.ts';
import { postgresTopicLog } from '../postgres/topic-log.ts';
import { type DeadLetter, findDeadLetter, listDeadLetters, replayDeadLetter } from './dead-letters.ts';
import type { TopicLog } from './topic-log.ts';

type Flags = { readonly json?: true };

/** `tollgate dead-letters`: what could not be read, and sending it again once it can. */
export function deadLettersCommand(environment: NodeJS.ProcessEnv = process.env): Command {
  const command = new Command('dead-letters').description('messages that no consumer could read');
  command.addHelpText(
    'after',
    '\nReads KAFKA_BROKERS, KAFKA_SSL, KAFKA_CA_FILE, KAFKA_SASL_… and TOLLGATE_TOPIC_PREFIX, or TOLLGATE_BUS=embedded and\nTOLLGATE_BUS_DATABASE_URL, of a role that may append to the topic that a letter is replayed to.\nExit: 0 done, 1 failed, 2 wrong use or configuration.',
  );
  command
    .command('list')
    .description('one line each, oldest first')
    .option('--json', 'one JSON object a line')
    .action(async (flags: Flags) => {
      for (const letter of await withLog(environment, listDeadLetters)) {
        print(flags.json === true ? JSON.stringify(summaryOf(letter)) : lineOf(letter));
      }
    });
  command
    .command('show')
    .description('one in full; its bytes as base64')
    .argument('<id>', 'as listed, such as 3:17')
    .option('--json', 'one JSON object on one line')
    .action(async (id: string, flags: Flags) => {
      const letter = await withLog(environment, (log) => findDeadLetter(log, id));
      print(JSON.stringify(letter, null, flags.json === true ? undefined : 2));
    });
  command
    .command('replay')
    .description('publish its original bytes to its original topic again')
    .argument('<id>', 'as listed, such as 3:17')
    .option('--json', 'one JSON object on one line')
    .action(async (id: string, flags: Flags) => {
      const letter = await withLog(environment, async (log) => {
        const found = await findDeadLetter(log, id);
        await replayDeadLetter(log, found);
        return found;
      });
      print(
        flags.json === true
          ? JSON.stringify({ id, topic: letter.data.topic, bytes: letter.data.value_bytes })
          : `${id}: ${letter.data.value_bytes} bytes published to ${letter.data.topic} again`,
      );
    });
  return command;
}

async function withLog<T>(environment: NodeJS.ProcessEnv, use: (log: TopicLog) => Promise<T>): Promise<T> {
  const log = openLog(environment);
  try {
    return await use(log);
  } finally {
    await log.close();
  }
}

function openLog(environment: NodeJS.ProcessEnv): TopicLog {
  const chosen = chooseBus(environment);
  const logger = createLogger({ service: 'dead-letters', level: 'silent' });
  const clientId = 'tollgate-dead-letters';
  if (chosen.kind === 'embedded') {
    return postgresTopicLog({ url: chosen.postgres.url, applicationName: clientId, logger });
  }
  return kafkaTopicLog({ config: chosen.kafka, logger, clientId, nowMs: Date.now, random: Math.random });
}

function summaryOf({ id, time, data }: DeadLetter) {
  const { topic, partition, offset, group, code, error } = data;
  return { id, time, topic, partition, offset, group, code, error };
}

function lineOf({ id, time, data }: DeadLetter): string {
  return `${id}  ${time}  ${data.topic}/${data.partition} at ${data.offset}  ${data.code}: ${data.error}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
