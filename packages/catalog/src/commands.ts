import { Command } from 'commander';
import { addCheck } from './commands/check-command.ts';
import { addChoose } from './commands/choose-command.ts';
import { addLifecycle } from './commands/lifecycle-command.ts';
import { addList, addShow } from './commands/list-command.ts';

/** `tollgate models list | show | lifecycle | check | choose`: about the catalogue, offline. */
export function modelsCommand(): Command {
  const command = new Command('models').description('which models there are, and which may be called where');
  addList(command);
  addShow(command);
  addLifecycle(command);
  addCheck(command);
  addChoose(command);
  return command;
}
