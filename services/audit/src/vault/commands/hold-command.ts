import { Command } from 'commander';
import { z } from 'zod';
import { holdAnswer } from '../custody-answers.ts';
import { print, type ScopeOptions, scopeOf, scopeText, vaultClient, withScope } from './vault-client.ts';

interface Reason {
  readonly reason: string;
  readonly json?: boolean;
}

/** `tollgate audit hold place`, `release` and `list`. */
export function holdCommand(): Command {
  const command = new Command('hold').description('legal holds, which keep payloads from erasure and expiry');
  command.addCommand(
    withScope(new Command('place'))
      .description('keep payloads, those to come included; whatever is named has to fit')
      .requiredOption('--reason <text>', 'recorded in the audit trail')
      .option('--json', 'one JSON object')
      .action(place),
  );
  command
    .command('release')
    .description('end a hold')
    .argument('<hold-id>')
    .requiredOption('--reason <text>', 'recorded in the audit trail')
    .option('--json', 'one JSON object')
    .action(release);
  command
    .command('list')
    .description('those in force first')
    .option('--json', 'one JSON object')
    .action(list);
  return command;
}

async function place({ reason, json, ...scope }: Reason & ScopeOptions): Promise<void> {
  const placed = await vaultClient().call({
    method: 'POST',
    path: '/v1/payloads/holds',
    body: { scope: scopeOf(scope), reason },
    answer: holdAnswer,
  });
  print(json, placed, [placed.hold_id]);
}

async function release(holdId: string, { reason, json }: Reason): Promise<void> {
  const released = await vaultClient().call({
    method: 'POST',
    path: `/v1/payloads/holds/${encodeURIComponent(holdId)}/release`,
    body: { reason },
    answer: holdAnswer,
  });
  print(json, released, [`released ${released.hold_id}`]);
}

async function list({ json }: { readonly json?: boolean }): Promise<void> {
  const { holds } = await vaultClient().call({
    method: 'GET',
    path: '/v1/payloads/holds',
    answer: z.object({ holds: z.array(holdAnswer) }),
  });
  print(json, { holds }, holds.length === 0 ? ['There are no holds.'] : holds.map(lineOf));
}

function lineOf(each: z.infer<typeof holdAnswer>): string {
  const state = each.released_at === null ? 'in force' : `released ${each.released_at}`;
  return [each.hold_id, state, scopeText(each.scope) || 'everything', each.reason].join('  ');
}
