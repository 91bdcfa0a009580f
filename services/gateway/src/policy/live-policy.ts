import { ConfigError } from '@tollgate/http';
import { PolicyConfigError } from '@tollgate/policy';
import type { Logger, Metrics } from '@tollgate/telemetry';
import type { Clock } from '../clock.ts';
import type { Policy } from './policy.ts';
import type { ReadPolicy } from './read-policy.ts';

/** A policy that is ready to be put in force. */
export interface PreparedPolicy {
  readonly policy: Policy;
  /** It is in force now: what only the one before needed can go. */
  commit(): void;
}

export interface LivePolicyParts {
  /** For messages. */
  readonly file: string;
  /** @throws PolicyConfigError, ConfigError */
  readonly read: () => Promise<ReadPolicy>;
  /** Compiles a configuration and makes its connections. @throws ConfigError */
  readonly prepare: (read: ReadPolicy) => Promise<PreparedPolicy>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** What became of an edit. */
export type ReloadOutcome = 'taken-up' | 'unchanged' | 'rejected';

/**
 * The policy in force. An edit is read and compiled aside, and put in force in one step; requests that were decided on keep what
 * they were decided by. An edit that can't be served changes nothing, and is shown in log, metrics and readiness
 * until another one can, or the file is as before.
 */
export class LivePolicy {
  readonly #parts: LivePolicyParts;
  readonly #reloads;
  #read: ReadPolicy;
  #policy: Policy;
  #rejected: string | null = null;
  #sinceMs: number;
  #running: Promise<ReloadOutcome> | null = null;
  #next: Promise<ReloadOutcome> | null = null;
  readonly #takenUp: (() => void)[] = [];

  private constructor(parts: LivePolicyParts, read: ReadPolicy, policy: Policy) {
    this.#parts = parts;
    this.#read = read;
    this.#policy = policy;
    this.#sinceMs = parts.clock.now();
    const { metrics } = parts;
    this.#reloads = metrics.counter({
      name: 'tollgate_gateway_policy_reloads_total',
      help: 'Edits of the policy file by what became of them.',
      labels: ['outcome'],
    });
    metrics.gauge({
      name: 'tollgate_gateway_policy_rejected',
      help: 'Whether the policy file as it stands was rejected, so that the one before is in force.',
      collect: (gauge) => gauge.set(this.#rejected === null ? 0 : 1),
    });
    metrics.gauge({
      name: 'tollgate_gateway_policy_info',
      help: 'The policy in force.',
      labels: ['name', 'version', 'digest'],
      collect: (gauge) => {
        gauge.reset();
        gauge.set({ ...this.#policy.version }, 1);
      },
    });
    metrics.gauge({
      name: 'tollgate_gateway_policy_in_force_since_seconds',
      help: 'When the policy in force was put in force, in seconds since 1970.',
      collect: (gauge) => gauge.set(this.#sinceMs / 1000),
    });
  }

  /** @throws PolicyConfigError, ConfigError where there is nothing to begin with */
  static async start(parts: LivePolicyParts): Promise<LivePolicy> {
    const read = await parts.read();
    const { policy, commit } = await parts.prepare(read);
    commit();
    return new LivePolicy(parts, read, policy);
  }

  /** The one in force; asked once for each request. */
  readonly current = (): Policy => this.#policy;

  /** The files that it was read from. */
  get files(): readonly string[] {
    return this.#read.files;
  }

  /** What the one in force was read from. */
  get read(): ReadPolicy {
    return this.#read;
  }

  /** Calls back after each edit that was put in force. */
  onTakenUp(listener: () => void): void {
    this.#takenUp.push(listener);
  }

  /** Why the file as it stands is not in force; null where it is. */
  warning(): string | null {
    return this.#rejected;
  }

  /** Takes up the file as it stands. One runs at a time; what is asked for meanwhile is one more after it. */
  reload(): Promise<ReloadOutcome> {
    if (this.#running === null) {
      this.#running = this.#reload().finally(() => {
        this.#running = null;
      });
      return this.#running;
    }
    this.#next ??= this.#running.then(() => {
      this.#next = null;
      return this.reload();
    });
    return this.#next;
  }

  async #reload(): Promise<ReloadOutcome> {
    const { prepare, log, clock, file } = this.#parts;
    try {
      const read = await this.#parts.read();
      if (read.fingerprint === this.#read.fingerprint) {
        if (this.#rejected !== null) log.info({ file }, 'the policy file is again what is in force');
        this.#rejected = null;
        return 'unchanged';
      }
      const { policy, commit } = await prepare(read);
      this.#read = read;
      this.#policy = policy;
      this.#rejected = null;
      this.#sinceMs = clock.now();
      commit();
      this.#reloads.inc({ outcome: 'taken-up' });
      log.info({ ...policy.version, file }, 'the policy file was taken up');
      for (const listener of this.#takenUp) listener();
      return 'taken-up';
    } catch (error) {
      this.#reject(error);
      return 'rejected';
    }
  }

  #reject(error: unknown): void {
    const { log, file } = this.#parts;
    const { version } = this.#policy;
    const { why, problems } = reasonsOf(error);
    const said = this.#rejected;
    this.#rejected = `the policy file was rejected, and version ${version.version} (${version.digest.slice(0, 12)}) is still in force: ${why}`;
    // Tried again, and still so.
    if (said === this.#rejected) return;
    this.#reloads.inc({ outcome: 'rejected' });
    log.error(
      { code: 'policy_rejected', file, problems, in_force: version },
      'the policy file was rejected; the one before stays in force',
    );
  }
}

/** A reason for people, and all there are for the log. Only errors of ours are quoted: they hold no value of the file. */
function reasonsOf(error: unknown): { readonly why: string; readonly problems: readonly object[] } {
  if (error instanceof PolicyConfigError) {
    const [first = ''] = error.message.split('\n');
    const more = error.problems.length - 1;
    return { why: more === 0 ? first : `${first} (and ${more} more)`, problems: error.problems };
  }
  if (error instanceof ConfigError) return { why: error.message, problems: [{ message: error.message }] };
  const kind = error instanceof Error ? error.name : typeof error;
  const message = `it could not be compiled (${kind})`;
  return { why: message, problems: [{ message }] };
}
