import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { StackError } from './errors.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const READY_POLL_MS = 50;
/** How much of a service's log is repeated in the error when it does not start. */
const LOG_TAIL_BYTES = 1500;

export interface ServiceProcessOptions {
  /** As in `tollgate <name> run`. */
  readonly name: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Standard output and error go here, appended. */
  readonly logFile: string;
  /** Where `/readyz` is asked. */
  readonly url: string;
  readonly readyTimeoutMs: number;
  readonly stopTimeoutMs: number;
}

/**
 * One service as a process of its own, which can be killed and started again. It ends with its parent, even when
 * the parent is killed, because it watches the pipe that the parent holds.
 */
export class ServiceProcess {
  readonly #options: ServiceProcessOptions;
  #child: ChildProcess | null = null;

  constructor(options: ServiceProcessOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get url(): string {
    return this.#options.url;
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** @throws StackError `not-ready`, with the end of the service's log, when it does not become ready in time */
  async start(): Promise<void> {
    this.spawn();
    await this.ready();
  }

  /** Starts the process without waiting for it. */
  spawn(): void {
    const { args, env, logFile } = this.#options;
    if (this.running) throw new StackError('already-running', `${this.name} runs already`);
    const log = openSync(logFile, 'a', 0o600);
    try {
      this.#child = spawn(process.execPath, [MAIN, ...args], {
        env: { ...env, TOLLGATE_EXIT_WITH_PARENT: '1' },
        stdio: ['pipe', log, log],
      });
    } finally {
      closeSync(log);
    }
    // Without a listener a failed spawn would end this process too; `ready` reports it.
    this.#child.on('error', () => {});
  }

  async ready(): Promise<void> {
    const deadlineMs = performance.now() + this.#options.readyTimeoutMs;
    let last = 'no answer';
    while (performance.now() < deadlineMs) {
      if (!this.running) break;
      try {
        const response = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2000) });
        const text = await response.text();
        if (response.ok) return;
        last = `${response.status} ${text.slice(0, 500)}`;
      } catch {
        // Not listening yet.
      }
      await delay(READY_POLL_MS);
    }
    throw new StackError(
      'not-ready',
      `${this.name} ${this.running ? `is not ready (${last})` : 'ended'}; its log ends with:\n${this.logTail()}`,
    );
  }

  /** Asks it to end and waits; kills it when it does not end in time. Returns whether it ended by itself. */
  async stop(): Promise<boolean> {
    const child = this.#child;
    if (child === null || !this.running) return true;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), this.#options.stopTimeoutMs);
    await ended;
    clearTimeout(timer);
    return child.signalCode !== 'SIGKILL';
  }

  /** Kill -9. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null || !this.running) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  logTail(): string {
    try {
      return readFileSync(this.#options.logFile).subarray(-LOG_TAIL_BYTES).toString();
    } catch {
      return '(no log)';
    }
  }
}
