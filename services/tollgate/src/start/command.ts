import { flushCompileCache } from 'node:module';
import { type ProcessPort, runProcess } from '@tollgate/http';
import { createLogger } from '@tollgate/telemetry';
import { Command, InvalidArgumentError } from 'commander';
import { type StartConfig, type StartFlags, startConfig } from './config.ts';
import { endWithNpm } from './end-with-npm.ts';
import { commandPrefix } from './find-connection.ts';
import { prepareHome } from './home.ts';
import { type Installation, startInstallation } from './installation.ts';
import { LogFile } from './log-file.ts';
import { MAX_PORT_OFFSET } from './ports.ts';
import { commandLines, curlLine, type Facts, summary } from './summary.ts';
import { Terminal } from './terminal.ts';

/** Everything has to end by then, whatever hangs. */
const STOP_DEADLINE_MS = 4_700;
/** npm passes a Ctrl-C on to us, who have had it from the terminal already: two so close together are one. */
const SAME_SIGNAL_MS = 400;

/** `tollgate start`. */
export function startCommand(): Command {
  return new Command('start')
    .description(
      'a whole Tollgate in this process: every service, an embedded Postgres, a simulated Databricks',
    )
    .option('--data-folder <folder>', 'where everything is kept (TOLLGATE_HOME; .tollgate unless given)')
    .option('--listen <host:port>', 'where the gateway listens (127.0.0.1:41002 unless given)')
    .option(
      '--policy-config <file>',
      'which models are served, and by which rules (GATEWAY_POLICY_CONFIG; a file in the data folder unless given)',
    )
    .option('--port-offset <n>', 'added to every port, for another Tollgate on this machine', portOffset)
    .option('--free-ports', 'any free ports')
    .option('--anonymous-team <team>', 'name or id of the team that callers without a key belong to')
    .option('--json', 'when all is ready, say where everything is in one line of JSON')
    .addHelpText(
      'after',
      '\nServes the models of DATABRICKS_HOST with DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET, where they are set.\n' +
        'Exit codes: 0 ended as asked, 1 failed, 2 wrong use or configuration.',
    )
    .action(async (flags: StartFlags) => {
      process.exitCode = await start(flags);
    });
}

async function start(flags: StartFlags): Promise<number> {
  const config = startConfig(process.env, flags);
  endWithNpm();
  prepareHome(config.home);
  const terminal = new Terminal(flags.json ? process.stderr : process.stdout);
  const log = new LogFile(config.home.log, (notice) => terminal.notice(notice));
  let failure: unknown = null;
  let endPostgres = () => {};
  return runProcess({
    name: 'tollgate',
    logger: createLogger({ service: 'tollgate', destination: log }),
    deadlineMs: STOP_DEADLINE_MS,
    port: {
      ...ownProcess(),
      complain: (line) => terminal.line(withCode(line, failure)),
      exit(code) {
        // Once all has ended in order there is nothing to end; after a second Ctrl-C it stops by itself.
        try {
          endPostgres();
        } finally {
          process.exit(code);
        }
      },
    },
    async start({ signal, fail }) {
      terminal.line(`\n${terminal.bold('Tollgate')}\n`);
      const sinceMs = performance.now();
      try {
        const installation = await startInstallation({
          config,
          terminal,
          log,
          signal,
          fail,
          onPostgres: (end) => {
            endPostgres = end;
          },
        });
        // What was compiled, for the next start, should this process not come to its end.
        flushCompileCache();
        announce(installation, config, terminal, flags, performance.now() - sinceMs);
        return { stop: () => stop(installation, terminal) };
      } catch (error) {
        failure = error;
        throw error;
      }
    },
  });
}

function announce(
  { urls, limitId, model }: Installation,
  config: StartConfig,
  terminal: Terminal,
  flags: StartFlags,
  tookMs: number,
): void {
  const facts: Facts = {
    home: config.home,
    policyFile: config.policyFile ?? config.home.policy,
    urls,
    limitId,
    model,
    databricksHost: config.databricks?.DATABRICKS_HOST ?? null,
    warehouse: config.warehouse?.['DATABRICKS_HTTP_PATH'] ?? null,
    command: commandPrefix(config.home.folder),
    behindProxy: curlTakesProxy(),
    period: new Date().toISOString().slice(0, 'YYYY-MM'.length),
    bold: terminal.bold,
    dim: terminal.dim,
  };
  if (flags.json) {
    const commands = commandLines(facts).map(({ line }) => line);
    process.stdout.write(
      `${JSON.stringify({ urls, home: config.home.folder, curl: curlLine(facts), commands, pid: process.pid })}\n`,
    );
  } else {
    terminal.write(`\n${summary({ ...facts, readyAfter: `${(tookMs / 1000).toFixed(1)} s` })}`);
  }
  terminal.live(true);
}

async function stop(installation: Installation, terminal: Terminal): Promise<void> {
  terminal.live(false);
  terminal.line('\nstopping …');
  await installation.stop();
  terminal.line('stopped; everything is kept.');
}

/** This process; a hang-up of the terminal ends it as SIGTERM does. */
function ownProcess(): Pick<ProcessPort, 'on' | 'off'> {
  const heard = new Map<unknown, (...args: unknown[]) => void>();
  let lastMs = Number.NEGATIVE_INFINITY;
  const events = (event: string) => (event === 'SIGTERM' ? ['SIGTERM', 'SIGHUP'] : [event]);
  return {
    on(event, listener) {
      const once = (...args: unknown[]) => {
        const again = event.startsWith('SIG') && performance.now() - lastMs < SAME_SIGNAL_MS;
        if (event.startsWith('SIG')) lastMs = performance.now();
        if (!again) listener(...args);
      };
      heard.set(listener, once);
      for (const each of events(event)) process.on(each, once);
    },
    off(event, listener) {
      const once = heard.get(listener);
      if (once !== undefined) for (const each of events(event)) process.off(each, once);
    },
  };
}

function withCode(line: string, failure: unknown): string {
  const code: unknown = failure instanceof Error ? Reflect.get(failure, 'code') : undefined;
  return typeof code === 'string' ? `${line} [${code}]` : line;
}

/** curl reads these, and a proxy elsewhere does not reach this machine's loopback. */
function curlTakesProxy(): boolean {
  const { env } = process;
  const set = ['http_proxy', 'all_proxy', 'ALL_PROXY'].some((name) => (env[name] ?? '') !== '');
  const except = env['no_proxy'] ?? env['NO_PROXY'] ?? '';
  return set && !/(^|[\s,])(\*|127\.0\.0\.1)($|[\s,])/.test(except);
}

function portOffset(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= MAX_PORT_OFFSET) return value;
  throw new InvalidArgumentError(`Give a whole number from 0 to ${MAX_PORT_OFFSET}.`);
}
