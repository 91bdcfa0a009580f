import type { Environment } from '@tollgate/http';
import type { Target } from '@tollgate/policy';
import type { Logger, Metrics } from '@tollgate/telemetry';
import type { Clock } from '../../clock.ts';
import type { CredentialsOfTargets } from '../upstreams.ts';
import { type Credential, NO_CREDENTIAL } from './credential.ts';
import { Secret } from './secret.ts';
import { StoredToken } from './stored-token.ts';

/** How often files are looked at, in milliseconds; a new secret is taken up at the second look that finds it. */
export const LOOK_INTERVAL_MS = 2000;

/** How often the log repeats that a credential is too old, in milliseconds. */
const REMIND_MS = 24 * 3_600_000;

const DAY_MS = 86_400_000;

export interface CredentialsParts {
  readonly env: Environment;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** How old a stored secret may become before it is alarmed, in milliseconds. */
  readonly maxAgeMs: number;
}

/** A credential of some targets, with the secrets that it is made from. */
interface Kept {
  readonly credential: Credential;
  readonly secrets: readonly Secret[];
}

const NONE: Kept = { credential: NO_CREDENTIAL, secrets: [] };

/** Every credential that the targets in force need, looked after: taken up anew where a file changes, and alarmed at an age. */
export class Credentials implements CredentialsOfTargets {
  readonly #parts: CredentialsParts;
  readonly #kept = new Map<string, Kept>();
  readonly #reminded = new Map<string, number>();
  readonly #rotations;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;

  constructor(parts: CredentialsParts) {
    this.#parts = parts;
    const { metrics } = parts;
    this.#rotations = metrics.counter({
      name: 'tollgate_gateway_credential_rotations_total',
      help: 'Credentials of upstreams that were replaced while the gateway ran, by variable.',
      labels: ['variable'],
    });
    metrics.gauge({
      name: 'tollgate_gateway_credential_age_seconds',
      help: 'How long ago a credential of an upstream was issued, by variable; absent where nothing says so.',
      labels: ['variable'],
      collect: (gauge) => {
        gauge.reset();
        for (const secret of this.#secrets()) {
          const age = this.#ageMs(secret);
          if (age !== null) gauge.set({ variable: secret.variable }, age / 1000);
        }
      },
    });
    metrics.gauge({
      name: 'tollgate_gateway_credential_overdue',
      help: 'Whether a credential of an upstream is older than it may become, by variable.',
      labels: ['variable'],
      collect: (gauge) => {
        gauge.reset();
        for (const secret of this.#secrets()) {
          gauge.set({ variable: secret.variable }, this.#isOverdue(secret) ? 1 : 0);
        }
      },
    });
  }

  of(target: Target): { readonly key: string; readonly credential: Credential } {
    const key = keyOf(target);
    let kept = this.#kept.get(key);
    if (kept === undefined) {
      kept = this.#make(target);
      this.#kept.set(key, kept);
    }
    return { key, credential: kept.credential };
  }

  keep(keys: ReadonlySet<string>): void {
    for (const key of this.#kept.keys()) if (!keys.has(key)) this.#kept.delete(key);
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.look(), LOOK_INTERVAL_MS).unref();
    void this.look();
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await this.#looking;
  }

  /** What the timer does: takes up what has changed, and reminds of what is too old. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  /** What is not as it should be, while calls go on. */
  warnings(): string[] {
    const warnings: string[] = [];
    for (const secret of this.#secrets()) {
      if (secret.trouble !== null) warnings.push(secret.trouble);
      if (this.#isOverdue(secret)) warnings.push(`${secret.variable} ${this.#overdue(secret)}`);
    }
    return warnings;
  }

  async #look(): Promise<void> {
    const { log } = this.#parts;
    for (const secret of this.#secrets()) {
      const before = secret.trouble;
      if (await secret.look(false)) {
        this.#rotations.inc({ variable: secret.variable });
        log.info({ variable: secret.variable }, 'a credential was replaced');
      }
      const { trouble } = secret;
      if (trouble !== null && trouble !== before) log.error({ variable: secret.variable }, trouble);
      this.#remind(secret);
    }
  }

  #remind(secret: Secret): void {
    const { clock, log } = this.#parts;
    const { variable } = secret;
    if (!this.#isOverdue(secret)) {
      this.#reminded.delete(variable);
      return;
    }
    const last = this.#reminded.get(variable);
    if (last !== undefined && clock.monotonic() - last < REMIND_MS) return;
    this.#reminded.set(variable, clock.monotonic());
    log.warn({ variable, code: 'credential_overdue' }, `${variable} ${this.#overdue(secret)}`);
  }

  #overdue(secret: Secret): string {
    const days = Math.floor((this.#ageMs(secret) ?? 0) / DAY_MS);
    return `is ${days} days old: issue another and put it in its place`;
  }

  #isOverdue(secret: Secret): boolean {
    const age = this.#ageMs(secret);
    return age !== null && age >= this.#parts.maxAgeMs;
  }

  #ageMs({ issuedAtMs }: Secret): number | null {
    return issuedAtMs === null ? null : Math.max(0, this.#parts.clock.now() - issuedAtMs);
  }

  #secrets(): readonly Secret[] {
    return [...this.#kept.values()].flatMap(({ secrets }) => secrets);
  }

  #make(target: Target): Kept {
    if (target.secretKeyRef === null) return NONE;
    const secret = new Secret(this.#parts.env, target.secretKeyRef.env, `target ${target.id}`);
    return { credential: new StoredToken(secret), secrets: [secret] };
  }
}

/** Targets with the same one share it. */
function keyOf({ secretKeyRef }: Target): string {
  return secretKeyRef === null ? 'none' : `token ${secretKeyRef.env}`;
}
