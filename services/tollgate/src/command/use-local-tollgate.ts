import type { Command } from 'commander';

/** Commands that run something themselves, by what they are told. */
const RUNS_ITSELF: readonly string[] = ['run', 'start'];

/** Commands that call services call the Tollgate that runs on this machine, where nothing says which is meant. */
export function useLocalTollgate(program: Command): void {
  program.hook('preAction', async (_program, action) => {
    if (RUNS_ITSELF.includes(action.name())) return;
    const { localConnection } = await import('../start/find-connection.ts');
    Object.assign(process.env, await localConnection(process.env));
  });
}
