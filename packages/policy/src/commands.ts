import { Command } from 'commander';
import { type Advise, addCheck } from './commands/check-command.ts';
import type { GuardAnswer } from './commands/explain-sample.ts';
import { policyJsonSchema } from './configuration/schema/json-schema.ts';

export type { Advice, Advise } from './commands/check-command.ts';
export type { GuardAnswer, SampleEndpoint } from './commands/explain-sample.ts';

/**
 * `tollgate policy check | schema`: about files, offline.
 *
 * @param advise what else `check` asks about a valid file
 * @param guardAnswer how a gateway takes answers apart, for `check --explain --answer`
 */
export function policyCommand(advise: Advise | null = null, guardAnswer: GuardAnswer | null = null): Command {
  const command = new Command('policy').description('policy-config.yaml: check it, see what it would do');
  addCheck(command, advise, guardAnswer);
  command
    .command('schema')
    .description('print the JSON Schema of policy-config.yaml, for editors')
    .addHelpText(
      'after',
      '\nKeep it in a file, and begin policy-config.yaml with\n# yaml-language-server: $schema=<that file>',
    )
    .action(() => {
      process.stdout.write(`${JSON.stringify(policyJsonSchema(), null, 2)}\n`);
    });
  return command;
}
