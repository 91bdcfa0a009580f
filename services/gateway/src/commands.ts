import { runProcess } from '@tollgate/http';
import { createLogger } from '@tollgate/telemetry';
import { Command } from 'commander';
import type { GatewayFlags } from './config.ts';
import { startGateway } from './run.ts';

export { startGateway };

/** Beyond the longest stop deadline that the configuration usually asks for. */
const STOP_DEADLINE_MS = 30_000;

/** `tollgate gateway run`. */
export function gatewayCommand(): Command {
  const command = new Command('gateway').description('the OpenAI-compatible gateway');
  command
    .command('run')
    .description('serve until told to stop; configured by environment variables')
    .option('--listen <host:port>', 'where to listen (environment: LISTEN; 0.0.0.0:41002 unless given)')
    .option('--policy-config <file>', 'what is served, and by which rules (GATEWAY_POLICY_CONFIG)')
    .option(
      '--anonymous-team <team>',
      'name or id of the team that callers without a key belong to; on loopback addresses (GATEWAY_ANONYMOUS_TEAM)',
    )
    .option('--anonymous-anywhere', 'confirms that on other addresses too (GATEWAY_ANONYMOUS_CONFIRMED=true)')
    .action(run);
  return command;
}

async function run(flags: GatewayFlags): Promise<void> {
  const logger = createLogger({ service: 'gateway' });
  process.exitCode = await runProcess({
    name: 'gateway',
    logger,
    deadlineMs: STOP_DEADLINE_MS,
    start: () => startGateway({ ...process.env }, flags, logger),
  });
}
