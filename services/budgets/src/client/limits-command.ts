import type { ServiceClient } from '@tollgate/http';
import { SCOPE_KEYS, type ScopeKey, scopeText, UNITS, WINDOWS } from '@tollgate/limits';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { entriesOf, type ShownLimit, shownLimit } from '../limits/limit-schema.ts';

const PATH = '/v1/limits';

const budgets = z.object({
  items: z.array(
    z.object({ starts_at: z.string(), ends_at: z.string(), confirmed: z.string(), remaining: z.string() }),
  ),
});

const SCOPE_TEXTS: Readonly<Record<ScopeKey, string>> = {
  key: 'API key',
  user: 'person',
  principal: 'person, service or key',
  project: 'project',
  team: 'team',
  'cost-centre': 'cost centre',
  model: 'model, as callers name it',
};

type ScopeFlags = { readonly [Key in Exclude<ScopeKey, 'cost-centre'> | 'costCentre']?: string };
type SetFlags = ScopeFlags & {
  readonly org: string;
  readonly unit: (typeof UNITS)[number];
  readonly window: (typeof WINDOWS)[number];
  readonly amount: string;
  readonly currency?: string;
  readonly timeZone?: string;
  readonly strict?: boolean;
  readonly json?: boolean;
};

/** `tollgate limits list | set | show | delete`. */
export function limitsCommandOf(
  connect: () => ServiceClient,
  write: (text: string) => unknown = (text) => process.stdout.write(text),
): Command {
  const command = new Command('limits').description(
    'what may be used, by whom, per minute, hour, day or month',
  );
  command
    .command('list')
    .description('the limits in force')
    .option('--org <id>', 'of one organisation')
    .option('--team <id>', 'of one team')
    .option('--json', 'one line of JSON each')
    .action(async (flags: { org?: string; team?: string; json?: boolean }) => {
      const query = { organisation_id: flags.org, team: flags.team, limit: 500 };
      for await (const limit of connect().list({ path: PATH, query, item: shownLimit })) {
        say(write, limit, flags.json === true);
      }
    });
  const set = command
    .command('set')
    .description('create a limit, or change the amount of the one with this scope, unit and window')
    .requiredOption('--org <id>', 'organisation');
  for (const key of SCOPE_KEYS) set.option(`--${key} <id>`, `only for this ${SCOPE_TEXTS[key]}`);
  set
    .addOption(new Option('--unit <unit>', 'what is counted').choices(UNITS).makeOptionMandatory())
    .addOption(
      new Option('--window <window>', 'after it, use begins anew').choices(WINDOWS).makeOptionMandatory(),
    )
    .requiredOption('--amount <decimal>', 'the most that may be used in a window')
    .option('--currency <code>', "of money; the organisation's unless given")
    .option('--time-zone <name>', "of days and months; the organisation's unless given")
    .option('--strict', 'never exceed it: reserve the most that a request can use')
    .option('--no-strict', 'reserve an estimate, as a new limit does unless told otherwise')
    .option('--json', 'the limit as a line of JSON')
    .action(async (flags: SetFlags) => say(write, await setLimit(connect(), flags), flags.json === true));
  command
    .command('show <limit>')
    .description('a limit, and what is used and left of it now')
    .option('--json', 'as a line of JSON')
    .action(async (id: string, flags: { json?: boolean }) => {
      const client = connect();
      const limit = await client.call({ method: 'GET', path: pathOf(id), answer: shownLimit });
      const { items } = await client.call({
        method: 'GET',
        path: '/v1/budgets',
        query: { limit_id: id },
        answer: budgets,
      });
      const [now] = items;
      if (flags.json === true) {
        write(`${JSON.stringify({ ...limit, now: now ?? null })}\n`);
        return;
      }
      say(write, limit, false);
      if (now !== undefined) {
        write(`${now.starts_at} to ${now.ends_at}: ${now.confirmed} used, ${now.remaining} left\n`);
      }
    });
  command
    .command('delete <limit>')
    .description('delete a limit')
    .option('--json', 'say what was done in a line of JSON')
    .action(async (id: string, flags: { json?: boolean }) => {
      await connect().call({ method: 'DELETE', path: pathOf(id), answer: z.undefined() });
      write(flags.json === true ? `${JSON.stringify({ deleted: id })}\n` : `${id} deleted\n`);
    });
  return command;
}

async function setLimit(client: ServiceClient, flags: SetFlags): Promise<ShownLimit> {
  const { costCentre, ...rest } = flags;
  const scope = entriesOf({ ...rest, 'cost-centre': costCentre });
  const { unit, window, amount, currency, timeZone } = flags;
  const query = { organisation_id: flags.org, limit: 500 };
  for await (const limit of client.list({ path: PATH, query, item: shownLimit })) {
    const isSame =
      limit.unit === unit &&
      limit.window === window &&
      scopeText(limit.scope) === scopeText(scope) &&
      (currency === undefined || limit.currency === currency) &&
      (timeZone === undefined || limit.time_zone === timeZone);
    if (!isSame) continue;
    return client.call({
      method: 'PATCH',
      path: pathOf(limit.limit_id),
      body: { version: limit.version, amount, strict: flags.strict },
      answer: shownLimit,
    });
  }
  return client.call({
    method: 'POST',
    path: PATH,
    body: {
      organisation_id: flags.org,
      scope,
      unit,
      window,
      amount,
      currency,
      time_zone: timeZone,
      strict: flags.strict,
    },
    answer: shownLimit,
  });
}

function pathOf(id: string): string {
  return `${PATH}/${encodeURIComponent(id)}`;
}

function say(write: (text: string) => unknown, limit: ShownLimit, asJson: boolean): void {
  const { limit_id, organisation_id, scope, amount, currency, unit, window, strict } = limit;
  const cells = [
    limit_id,
    organisation_id,
    scopeText(scope) || '-',
    `${amount}${currency === null ? ` ${unit}` : ` ${currency}`} per ${window}`,
    strict ? 'strict' : '-',
  ];
  write(`${asJson ? JSON.stringify(limit) : cells.join('\t')}\n`);
}
