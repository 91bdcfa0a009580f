import { ConfigError, configuredClient, MAX_PAGE_ITEMS } from '@tollgate/http';
import { Command } from 'commander';
import { z } from 'zod';
import { DEFAULT_PORT } from '../config.ts';
import { type FilterFlags, filterMembers, withFilters } from './filter-options.ts';

interface Flags extends FilterFlags {
  readonly limit: string;
  readonly json?: true;
}

const found = z.object({
  leaf_index: z.number(),
  received_at: z.string(),
  proof: z.string(),
  event: z.looseObject({
    id: z.string(),
    type: z.string(),
    subject: z.string(),
    time: z.string(),
    source: z.string(),
  }),
});

/** `tollgate audit search`. */
export function searchCommand(): Command {
  return withFilters(new Command('search'))
    .description('search the trail, newest first')
    .option('--limit <events>', 'at most', '100')
    .option('--json', 'one JSON object a line')
    .action(search);
}

async function search({ json, limit, ...filter }: Flags): Promise<void> {
  const most = Number(limit);
  if (!Number.isSafeInteger(most) || most < 1)
    throw new ConfigError('--limit', 'must be a whole number from 1');
  const client = configuredClient(process.env, 'TOLLGATE_AUDIT_URL', DEFAULT_PORT);
  const query = { ...filterMembers(filter), limit: Math.min(most, MAX_PAGE_ITEMS) };
  let left = most;
  for await (const item of client.list({ path: '/v1/events', query, item: found })) {
    if (left === 0) {
      if (json !== true) process.stderr.write('There are more: narrow the search, or raise --limit.\n');
      return;
    }
    left -= 1;
    const { event } = item;
    const line =
      json === true
        ? JSON.stringify(item)
        : [item.leaf_index, event.time, event.type, event.subject, event.source].join('  ');
    process.stdout.write(`${line}\n`);
  }
}
