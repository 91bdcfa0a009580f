import type { Environment, RunningService, StartService } from '@tollgate/http';
import type { Logger } from '@tollgate/telemetry';
import type { ServiceName } from '../stack/environment.ts';

/** How each service starts within this process; its code is loaded only when asked for. */
const STARTS: Readonly<Record<ServiceName, () => Promise<StartService>>> = {
  directory: async () => (await import('@tollgate/directory/commands')).startDirectory,
  audit: async () => (await import('@tollgate/audit/commands')).startAudit,
  chargeback: async () => (await import('@tollgate/chargeback/commands')).startChargeback,
  budgets: async () => (await import('@tollgate/budgets/commands')).startBudgets,
  'databricks-sync': async () => (await import('@tollgate/databricks-sync/commands')).startDatabricksSync,
  gateway: async () => {
    const { startGateway } = await import('@tollgate/gateway/commands');
    return async (env, logger) => {
      const running = await startGateway(env, {}, logger);
      return { url: '', stop: () => running.stop() };
    };
  },
};

/** Loads the code of every service, which takes a while that something else can use. */
export async function loadServices(): Promise<void> {
  await Promise.all(Object.values(STARTS).map((load) => load()));
}

export async function startService(
  name: ServiceName,
  env: Environment,
  logger: Logger,
  signal?: AbortSignal,
): Promise<RunningService> {
  const start = await STARTS[name]();
  return start(env, logger, signal);
}
