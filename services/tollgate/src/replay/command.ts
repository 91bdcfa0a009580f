import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, type Logger } from '@tollgate/telemetry';
import { Command, InvalidArgumentError, Option } from 'commander';
import { STACK_MODEL, startStack } from '../stack/stack.ts';
import type { StackBusChoice } from '../stack/stack-bus.ts';
import { ReplayError } from './errors.ts';
import { Progress } from './progress.ts';
import { jsonLine, table } from './report.ts';
import { type ReplayReport, replay } from './run.ts';
import { type Installation, prepareInstallation } from './setup.ts';
import { readTrace, type TraceRow } from './trace.ts';

interface ReplayFlags {
  readonly bus: 'kafka' | 'embedded';
  readonly speed: number | 'max';
  readonly limit?: number;
  readonly teams: number;
  readonly connections: number;
  readonly json?: true;
  readonly keep?: true;
  readonly url?: string;
  readonly directoryUrl: string;
  readonly auditUrl: string;
  readonly chargebackUrl: string;
  readonly budgetsUrl: string;
  readonly databricksSyncUrl: string;
  readonly model: string;
}

const ROW_DEADLINE_MS = 120_000;
const SETTLE_DEADLINE_MS = 60_000;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** `tollgate replay`. */
export function replayCommand(): Command {
  return new Command('replay')
    .description(
      'Send a recorded trace (CSV: TIMESTAMP, ContextTokens, GeneratedTokens) through a gateway, on a stack of its own ' +
        'unless --url names a running one, then compare what every place holds with what was sent. ' +
        'Exits with 0 only if all totals are equal.',
    )
    .argument('<file>', 'the trace')
    .addOption(
      new Option(
        '--bus <kind>',
        'kafka: KAFKA_BROKERS, or a broker on the Java of this machine; embedded: in Postgres',
      )
        .choices(['kafka', 'embedded'])
        .default('kafka'),
    )
    .option('--speed <n>', 'times as fast as recorded, or max', speed, 'max')
    .option('--limit <n>', 'send at most n rows', positive)
    .option('--teams <n>', 'spread the rows over n teams', positive, 5)
    .option('--connections <n>', 'send over n connections', positive, 32)
    .option('--json', 'end with one line of JSON')
    .option('--keep', 'leave the temporary folder, with all logs, in place')
    .option(
      '--url <url>',
      'a running gateway; needs TOLLGATE_TOKEN or TOLLGATE_TOKEN_FILE of the role platform',
    )
    .option('--directory-url <url>', 'with --url: its directory', 'http://127.0.0.1:41010')
    .option('--audit-url <url>', 'with --url: its audit service', 'http://127.0.0.1:41011')
    .option('--chargeback-url <url>', 'with --url: its chargeback service', 'http://127.0.0.1:41012')
    .option('--budgets-url <url>', 'with --url: its budgets service', 'http://127.0.0.1:41013')
    .option('--databricks-sync-url <url>', 'with --url: its delivery service', 'http://127.0.0.1:41014')
    .option(
      '--model <name>',
      'with --url: a model whose upstream is tollgate simulated-databricks',
      STACK_MODEL,
    )
    .addHelpText('after', '\nExit codes: 0 all equal, 1 not equal or failed, 2 wrong use.')
    .action(async (file: string, flags: ReplayFlags) => {
      process.exitCode = await replayFile(file, flags);
    });
}

async function replayFile(file: string, flags: ReplayFlags): Promise<number> {
  const rows = await readTrace(file, flags.limit);
  const progress = new Progress(process.stderr);
  try {
    const report =
      flags.url === undefined
        ? await onOwnStack(rows, flags, progress)
        : await onRunning(await runningInstallation(flags), rows, flags, progress);
    progress.end();
    process.stdout.write(flags.json ? `${jsonLine(report)}\n` : table(report));
    return report.differences.length === 0 ? 0 : 1;
  } finally {
    progress.end();
  }
}

async function onOwnStack(
  rows: readonly TraceRow[],
  flags: ReplayFlags,
  progress: Progress,
): Promise<ReplayReport> {
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-replay-'));
  const logger = createLogger({ service: 'replay', level: 'warn' });
  const interrupted = interruption();
  const starting = startStack({
    folder,
    logger,
    onStep: (step) => progress.step(step),
    bus: busChoice(flags.bus),
  });
  try {
    const stack = await Promise.race([starting, interrupted.thrown]);
    return await Promise.race([
      onRunning(stack, rows, flags, progress, interrupted.signal),
      interrupted.thrown,
    ]);
  } finally {
    progress.step('stopping');
    const stack = await starting.catch(() => null);
    await stack?.stop();
    interrupted.forget();
    if (flags.keep) progress.note(`logs and data are in ${folder}`);
    else removeFolder(folder, logger);
  }
}

/** Ctrl-C or SIGTERM: nothing of the stack may be left behind. */
function interruption(): { signal: AbortSignal; thrown: Promise<never>; forget(): void } {
  const controller = new AbortController();
  const { promise, reject } = Promise.withResolvers<never>();
  const onSignal = () => {
    const error = new ReplayError('interrupted', 'interrupted: nothing was compared');
    controller.abort(error);
    reject(error);
  };
  // Nobody may be waiting for it at the moment.
  promise.catch(() => {});
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    signal: controller.signal,
    thrown: promise,
    forget() {
      for (const signal of SIGNALS) process.off(signal, onSignal);
    },
  };
}

async function onRunning(
  installation: Installation,
  rows: readonly TraceRow[],
  flags: ReplayFlags,
  progress: Progress,
  signal?: AbortSignal,
): Promise<ReplayReport> {
  progress.step('creating teams and keys');
  const target = await prepareInstallation(installation, { teams: flags.teams, model: flags.model });
  progress.begin(rows.length);
  return replay({
    target,
    rows,
    speed: flags.speed,
    connections: flags.connections,
    rowDeadlineMs: ROW_DEADLINE_MS,
    settleDeadlineMs: SETTLE_DEADLINE_MS,
    ...(signal === undefined ? {} : { signal }),
    onAnswered: (answered) => progress.answered(answered),
    onSettling: ({ audit, charges }) => progress.settling(audit, charges),
  });
}

async function runningInstallation(flags: ReplayFlags): Promise<Installation> {
  const { readConfig } = await import('@tollgate/http');
  const { z } = await import('zod');
  const { TOLLGATE_TOKEN } = readConfig(z.object({ TOLLGATE_TOKEN: z.string() }), process.env);
  return {
    gatewayUrl: flags.url ?? '',
    directoryUrl: flags.directoryUrl,
    auditUrl: flags.auditUrl,
    chargebackUrl: flags.chargebackUrl,
    budgetsUrl: flags.budgetsUrl,
    databricksSyncUrl: flags.databricksSyncUrl,
    token: TOLLGATE_TOKEN,
  };
}

function busChoice(kind: 'kafka' | 'embedded'): StackBusChoice {
  const brokers = process.env['KAFKA_BROKERS']?.split(',').filter((broker) => broker !== '') ?? [];
  return kind === 'embedded' || brokers.length === 0 ? { kind } : { kind, brokers };
}

function removeFolder(folder: string, logger: Logger): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    logger.warn({ err: error, folder }, 'the temporary folder could not be removed');
  }
}

function positive(text: string): number {
  const n = Number(text);
  if (!Number.isInteger(n) || n < 1) throw new InvalidArgumentError('give a whole number from 1.');
  return n;
}

function speed(text: string): number | 'max' {
  if (text === 'max') return 'max';
  const n = Number(text);
  if (!(n > 0)) throw new InvalidArgumentError('give a number above 0, or max.');
  return n;
}
