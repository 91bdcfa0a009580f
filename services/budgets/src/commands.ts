import { runService, type StartService, serviceStart } from '@tollgate/http';
import { Command } from 'commander';
import { createBudgets } from './app.ts';
import { connect } from './client/connect.ts';
import { limitsCommandOf } from './client/limits-command.ts';
import { readBudgetsConfig } from './config.ts';

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
  return limitsCommandOf(() => connect(process.env));
}

/** The service with everything it needs, from its environment. */
export const startBudgets: StartService = serviceStart(NAME, readBudgetsConfig, createBudgets);
