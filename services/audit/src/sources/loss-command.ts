import { configuredClient } from '@tollgate/http';
import { Command } from 'commander';
import { z } from 'zod';
import { DEFAULT_PORT } from '../config.ts';
import { lossView } from './loss-routes.ts';
import type { Loss } from './losses.ts';

interface Flags {
  readonly json?: true;
}

/** `tollgate audit loss acknowledge` and `list`. */
export function lossCommand(): Command {
  const command = new Command('loss').description(
    'sources that are lost for good, such as a gateway without its spool',
  );
  command
    .command('acknowledge')
    .description('say that a source comes no more; every later statement names it')
    .argument('<source>', 'as `audit completeness` names it')
    .requiredOption('--reason <text>', 'recorded in the audit trail, and in every statement')
    .option(
      '--dead-since <instant>',
      'RFC 3339: since when it is known to have written nothing; now unless given',
    )
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nPeriods from then on no longer wait for it; those before stay unproven.\nExit codes: 0 acknowledged; 1 refused [source_not_lost, loss_acknowledged].',
    )
    .action(acknowledge);
  command.command('list').description('the latest first').option('--json', 'one JSON object').action(list);
  return command;
}

async function acknowledge(
  source: string,
  { reason, deadSince, json }: Flags & { readonly reason: string; readonly deadSince?: string },
): Promise<void> {
  const loss = await client().call({
    method: 'POST',
    path: '/v1/sources/losses',
    body: { source, reason, ...(deadSince === undefined ? {} : { dead_since: deadSince }) },
    answer: lossView,
  });
  print(json, loss, [
    `acknowledged: ${describedLoss(loss)}`,
    `periods from ${loss.dead_since} on no longer wait for it once the event ${loss.event_id} is in the log`,
  ]);
}

async function list({ json }: Flags): Promise<void> {
  const { losses } = await client().call({
    method: 'GET',
    path: '/v1/sources/losses',
    answer: z.object({ losses: z.array(lossView) }),
  });
  print(json, { losses }, losses.length === 0 ? ['No loss was acknowledged.'] : losses.map(describedLoss));
}

/** A loss in one line, for people. */
export function describedLoss({ source, state, known_through, missing, ...loss }: Loss): string {
  const lacks = missing === 0 ? '' : `, ${missing} numbers missing before`;
  return `${source} lost after ${known_through}${lacks}, dead since ${loss.dead_since} (${state}): ${loss.reason} (${loss.acknowledged_by}, ${loss.acknowledged_at})`;
}

function client() {
  return configuredClient(process.env, 'TOLLGATE_AUDIT_URL', DEFAULT_PORT);
}

function print(json: true | undefined, value: object, lines: readonly string[]): void {
  process.stdout.write(json === true ? `${JSON.stringify(value)}\n` : `${lines.join('\n')}\n`);
}
