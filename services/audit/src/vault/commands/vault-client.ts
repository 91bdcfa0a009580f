import { configuredClient, type ServiceClient } from '@tollgate/http';
import type { Command } from 'commander';
import { DEFAULT_PORT } from '../../config.ts';
import type { PayloadScope } from '../scope.ts';

/** Erasing a team's payloads, or reading a disk through, takes its time; Node's own `fetch` waits five minutes at most. */
const TIMEOUT_MS = 290_000;

export function vaultClient(): ServiceClient {
  return configuredClient(process.env, 'TOLLGATE_AUDIT_URL', DEFAULT_PORT, TIMEOUT_MS);
}

/** The options that name payloads. */
export interface ScopeOptions {
  readonly organisation?: string;
  readonly team?: string;
  readonly user?: string;
  readonly endUser?: string;
  readonly request?: string;
  readonly from?: string;
  readonly to?: string;
}

export function withScope(command: Command): Command {
  return command
    .option('--organisation <id>', 'within this organisation')
    .option('--team <id>', 'of this team')
    .option('--user <id>', 'of this principal: a person, a program, or a key')
    .option('--end-user <name>', "of requests whose body's `user` says so")
    .option('--request <id>', 'of this request')
    .option('--from <instant>', 'RFC 3339: of requests made from then on')
    .option('--to <instant>', 'RFC 3339: of requests made before');
}

export function scopeOf(options: ScopeOptions): PayloadScope {
  const { organisation, team, user, endUser, request, from, to } = options;
  return {
    ...(organisation === undefined ? {} : { organisation }),
    ...(team === undefined ? {} : { team }),
    ...(user === undefined ? {} : { user }),
    ...(endUser === undefined ? {} : { end_user: endUser }),
    ...(request === undefined ? {} : { request_id: request }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
}

/** One line a fact, or one JSON object. */
export function print(json: boolean | undefined, value: unknown, lines: readonly string[]): void {
  process.stdout.write(json === true ? `${JSON.stringify(value)}\n` : `${lines.join('\n')}\n`);
}

/** What a scope names, for people. */
export function scopeText(scope: PayloadScope): string {
  return Object.entries(scope)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}
