import { configuredClient, runService, type StartService, serviceStart } from '@tollgate/http';
import { Command } from 'commander';
import { createBudgets } from './app.ts';
import { limitsCommandOf } from './client/limits-command.ts';
import { DEFAULT_PORT, readBudgetsConfig } from './config.ts';

const NAME = 'budgets';

/** `tollgate budgets run`. */
export function budgetsCommand(): Command {
  const command = new Command(NAME).description('limits, shared by all gateways');
  command
    .command('run')
    .description('run the service; configured by environment variables')
    .action(() => runService(NAME, startBudgets));
  return command;
}

/** `tollgate limits list | set | show | delete`, at TOLLGATE_BUDGETS_URL with TOLLGATE_TOKEN. */
export function limitsCommand(): Command {
  return limitsCommandOf(() => configuredClient(process.env, 'TOLLGATE_BUDGETS_URL', DEFAULT_PORT));
}

/** The service with everything it needs, from its environment. */
export const startBudgets: StartService = serviceStart(NAME, readBudgetsConfig, createBudgets);
