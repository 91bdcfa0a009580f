import { configuredClient, runService, type StartService, serviceStart } from '@tollgate/http';
import { Command } from 'commander';
import { createChargeback } from './app.ts';
import { pricesCommandOf } from './client/prices-command.ts';
import { reportCommandOf } from './client/report-command.ts';
import { DEFAULT_PORT, readChargebackConfig } from './config.ts';

const NAME = 'chargeback';

/** `tollgate chargeback run`. */
export function chargebackCommand(): Command {
  const command = new Command(NAME).description('prices, charges and reports');
  command
    .command('run')
    .description('run the service; configured by environment variables')
    .action(() => runService(NAME, startChargeback));
  return command;
}

/** `tollgate report`, at TOLLGATE_CHARGEBACK_URL with TOLLGATE_TOKEN. */
export function reportCommand(): Command {
  return reportCommandOf(() => configuredClient(process.env, 'TOLLGATE_CHARGEBACK_URL', DEFAULT_PORT));
}

/** `tollgate prices import | list | missing`, at TOLLGATE_CHARGEBACK_URL with TOLLGATE_TOKEN. */
export function pricesCommand(): Command {
  return pricesCommandOf(() => configuredClient(process.env, 'TOLLGATE_CHARGEBACK_URL', DEFAULT_PORT));
}

/** The service with everything it needs, from its environment. */
export const startChargeback: StartService = serviceStart(NAME, readChargebackConfig, createChargeback);
