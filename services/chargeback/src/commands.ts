import { createBus } from '@tollgate/bus';
import { openPool } from '@tollgate/database';
import { runProcess, stopInOrder } from '@tollgate/http';
import { createLogger, createMetrics, type Logger } from '@tollgate/telemetry';
import { Command } from 'commander';
import { createChargeback } from './app.ts';
import { connect } from './client/connect.ts';
import { pricesCommandOf } from './client/prices-command.ts';
import { reportCommandOf } from './client/report-command.ts';
import { type ChargebackConfig, readChargebackConfig } from './config.ts';

const MAX_CONNECTIONS = 16;

/** `tollgate chargeback run`. */
export function chargebackCommand(): Command {
  const command = new Command('chargeback').description('prices, charges and reports');
  command.command('run').description('run the service; configured by environment variables').action(run);
  return command;
}

/** `tollgate report`, at TOLLGATE_CHARGEBACK_URL with TOLLGATE_TOKEN. */
export function reportCommand(): Command {
  return reportCommandOf(() => connect(process.env));
}

/** `tollgate prices import | list | missing`, at TOLLGATE_CHARGEBACK_URL with TOLLGATE_TOKEN. */
export function pricesCommand(): Command {
  return pricesCommandOf(() => connect(process.env));
}

async function run(): Promise<void> {
  const logger = createLogger({ service: 'chargeback' });
  process.exitCode = await runProcess({
    name: 'chargeback',
    logger,
    async start() {
      const config = readChargebackConfig(process.env);
      logger.level = config.logLevel;
      return startChargeback(config, logger);
    },
  });
}

async function startChargeback(config: ChargebackConfig, logger: Logger) {
  const metrics = createMetrics({ processMetrics: true });
  const pool = openPool({
    url: config.databaseUrl,
    applicationName: 'tollgate-chargeback',
    maxConnections: MAX_CONNECTIONS,
    logger,
  });
  const bus = createBus(config.bus, { logger, metrics, clientId: 'tollgate-chargeback' });
  const owned = [{ stop: () => pool.end() }, { stop: () => bus.close() }];
  try {
    const chargeback = await createChargeback({ ...config, pool, bus, logger, metrics });
    owned.push(chargeback);
    const { url } = await chargeback.listen(config.listen);
    logger.info({ url }, 'chargeback serves');
    return stopInOrder(owned);
  } catch (error) {
    await stopInOrder(owned).stop();
    throw error;
  }
}
