import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { seededRandom, temporaryFolder, until } from '@tollgate/testing';
import { type Installation, prepareInstallation, replay } from 'tollgate/replay';
import { STACK_MODEL } from 'tollgate/stack';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Chaos, type Fault } from './chaos.ts';
import { seed, soak, TIMEOUT_MS, traceRows } from './trace-rows.ts';

const MAIN = fileURLToPath(new URL('../../services/tollgate/src/main.ts', import.meta.url));
const ROUNDS = soak ? 20 : 2;
const READY_TIMEOUT_MS = 90_000;
const MAX_PORT_OFFSET = 24_000;

/** `npm start`'s one process, which keeps its data and its ports from one start to the next. */
class OneProcess {
  readonly #home: string;
  readonly #portOffset: number;
  #child: ChildProcess | null = null;
  #printed = '';
  #urls: Readonly<Record<string, string>> = {};

  constructor(home: string, portOffset: number) {
    this.#home = home;
    this.#portOffset = portOffset;
  }

  async start(): Promise<void> {
    const flags = ['--json', '--data-folder', this.#home, '--port-offset', String(this.#portOffset)];
    const child = spawn(process.execPath, [MAIN, 'start', ...flags], {
      env: { PATH: process.env['PATH'] ?? '', NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#printed = '';
    let line = '';
    child.stdout.on('data', (chunk) => {
      line += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      this.#printed += String(chunk);
    });
    await until(() => line.endsWith('\n') || child.exitCode !== null, {
      timeoutMs: READY_TIMEOUT_MS,
      describe: () => `ready: ${this.#printed}`,
    });
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${this.#printed}`);
    this.#urls = JSON.parse(line).urls;
  }

  async end(signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  get installation(): Installation {
    const url = (name: string) => this.#urls[name] ?? '';
    return {
      gatewayUrl: url('gateway'),
      directoryUrl: url('directory'),
      auditUrl: url('audit'),
      chargebackUrl: url('chargeback'),
      budgetsUrl: url('budgets'),
      databricksSyncUrl: url('databricks-sync'),
      token: readFileSync(join(this.#home, 'owner-token'), 'utf8').trim(),
    };
  }

  faults(): Fault[] {
    const postgres = () =>
      Number(
        readFileSync(join(this.#home, 'postgres', 'server', 'postmaster.pid'), 'utf8').split('\n', 1)[0],
      );
    return [
      { name: 'the process', take: () => this.end('SIGKILL'), giveBack: () => this.start() },
      // Started again by the process that watches over it.
      {
        name: 'its Postgres',
        take: async () => {
          process.kill(postgres(), 'SIGKILL');
        },
        giveBack: async () => {},
      },
    ];
  }
}

const random = seededRandom(seed);
const tollgate = new OneProcess(
  join(temporaryFolder('one-process'), '.tollgate'),
  random.integer(1, MAX_PORT_OFFSET),
);

beforeAll(() => tollgate.start());
afterAll(() => tollgate.end('SIGINT'));

test(
  `nothing is lost and nothing is doubled when npm start's one process is killed under load (seed ${seed})`,
  async () => {
    const target = await prepareInstallation(tollgate.installation, { teams: 3, model: STACK_MODEL });
    const rows = await traceRows(soak ? 4000 : 300);
    const chaos = new Chaos(tollgate.faults(), random, { rows: rows.length, rounds: ROUNDS });
    const [report] = await Promise.all([
      replay({
        target,
        rows,
        speed: 'max',
        connections: 8,
        rowDeadlineMs: 120_000,
        settleDeadlineMs: 90_000,
        beforeRow: (row) => chaos.before(row.index),
      }),
      chaos.run(),
    ]);
    const told = chaos.log.join('\n');
    const { sent, audit, charges, budgets, lakehouse } = report;
    expect(report.differences, told).toEqual([]);
    expect(sent.requests).toBe(rows.length);
    expect({ audit, charges, budgets, lakehouse }, told).toEqual({
      audit: sent,
      charges: sent,
      budgets: sent,
      lakehouse: sent,
    });
  },
  TIMEOUT_MS,
);
