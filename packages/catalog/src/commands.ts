import { Command } from 'commander';
import { addLifecycle } from './commands/lifecycle-command.ts';
import { addList, addShow } from './commands/list-command.ts';

/** `tollgate models list | show | lifecycle`: about the catalogue, offline. */
export function modelsCommand(): Command {
  const command = new Command('models').description('which models there are, and which may be called where');
  addList(command);
  addShow(command);
  addLifecycle(command);
  return command;
}
