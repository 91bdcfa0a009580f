import { createLogger } from '@tollgate/telemetry';
import { Command } from 'commander';
import { commandConfig } from '../kafka/connection/command-config.ts';
import type { KafkaContext } from '../kafka/connection/context.ts';
import { type DeadLetter, findDeadLetter, listDeadLetters, replayDeadLetter } from './dead-letters.ts';

type Flags = { readonly json?: true };

/** `tollgate dead-letters`: what could not be read, and sending it again once it can. */
export function deadLettersCommand(environment: NodeJS.ProcessEnv = process.env): Command {
  const command = new Command('dead-letters').description('messages that no consumer could read');
  command.addHelpText(
    'after',
    '\nReads KAFKA_BROKERS, KAFKA_SSL, KAFKA_CA_FILE, KAFKA_SASL_… and TOLLGATE_TOPIC_PREFIX.\nExit: 0 done, 1 failed, 2 wrong use or configuration.',
  );
  command
    .command('list')
    .description('one line each, oldest first')
    .option('--json', 'one JSON object a line')
    .action(async (flags: Flags) => {
      for (const letter of await listDeadLetters(contextOf(environment))) {
        print(flags.json === true ? JSON.stringify(summaryOf(letter)) : lineOf(letter));
      }
    });
  command
    .command('show')
    .description('one in full; its bytes as base64')
    .argument('<id>', 'as listed, such as 3:17')
    .option('--json', 'one JSON object on one line')
    .action(async (id: string, flags: Flags) => {
      const letter = await findDeadLetter(contextOf(environment), id);
      print(JSON.stringify(letter, null, flags.json === true ? undefined : 2));
    });
  command
    .command('replay')
    .description('publish its original bytes to its original topic again')
    .argument('<id>', 'as listed, such as 3:17')
    .option('--json', 'one JSON object on one line')
    .action(async (id: string, flags: Flags) => {
      const context = contextOf(environment);
      const letter = await findDeadLetter(context, id);
      await replayDeadLetter(context, letter);
      print(
        flags.json === true
          ? JSON.stringify({ id, topic: letter.data.topic, bytes: letter.data.value_bytes })
          : `${id}: ${letter.data.value_bytes} bytes published to ${letter.data.topic} again`,
      );
    });
  return command;
}

function contextOf(environment: NodeJS.ProcessEnv): KafkaContext {
  return {
    config: commandConfig(environment),
    logger: createLogger({ service: 'dead-letters', level: 'silent' }),
    clientId: 'tollgate-dead-letters',
    nowMs: Date.now,
    random: Math.random,
  };
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
