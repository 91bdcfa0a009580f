import { EXIT_CODES } from '@tollgate/http';
import { nearestName } from '@tollgate/policy/located-yaml';
import type { Command } from 'commander';
import type { CatalogueMode } from '../file/file-schema.ts';
import { type CatalogEntry, catalogEntries } from '../queries/entry.ts';
import {
  addCatalogOptions,
  type CatalogFlags,
  EXIT_HELP,
  modeOption,
  table,
  withCatalog,
} from './options.ts';

type ListFlags = CatalogFlags & {
  readonly mode?: CatalogueMode;
  readonly region?: string;
  readonly status?: string;
};

/** Adds `list`. */
export function addList(command: Command): void {
  addCatalogOptions(command.command('list').description('every model in each mode that it is known in'))
    .addOption(modeOption())
    .option('--region <region>', 'as it is there; what differs by region is unknown without')
    .option('--status <status>', 'GA, preview, retired, redirected or unknown')
    .addHelpText('after', EXIT_HELP)
    .action((flags: ListFlags, self: Command) =>
      withCatalog(flags, self, (catalog, at) => {
        const entries = catalogEntries(catalog, flags.region ?? null, at).filter(
          ({ mode, status }) =>
            (flags.mode === undefined || mode === flags.mode) &&
            (flags.status === undefined || status === flags.status),
        );
        process.stdout.write(
          flags.json === true
            ? entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')
            : asTable(entries),
        );
      }),
    );
}

/** Adds `show`. */
export function addShow(command: Command): void {
  addCatalogOptions(
    command.command('show').description('everything that is known of a model, and where from'),
  )
    .argument('<model>')
    .addOption(modeOption())
    .option('--region <region>', 'as it is there; what differs by region is unknown without')
    .addHelpText('after', EXIT_HELP)
    .action((model: string, flags: ListFlags, self: Command) =>
      withCatalog(flags, self, (catalog, at) => {
        const known = catalog.model(catalog.endpoint(model)?.model ?? model);
        if (known === null) {
          const meant = nearestName(
            model,
            [...catalog.models].map((entry) => entry.model),
          );
          const advice = meant === null ? '' : ` Did you mean "${meant}"?`;
          self.error(`error: The catalogue does not know "${model}".${advice}`, {
            exitCode: EXIT_CODES.failed,
          });
        }
        const entries = catalogEntries(catalog, flags.region ?? null, at).filter(
          (entry) => entry.model === known.model && (flags.mode === undefined || entry.mode === flags.mode),
        );
        process.stdout.write(
          flags.json === true
            ? entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')
            : entries.map(described).join('\n'),
        );
      }),
    );
}

function asTable(entries: readonly CatalogEntry[]): string {
  const rows = entries.map((entry) => [
    entry.model,
    entry.mode,
    entry.status,
    entry.retires_on ?? '-',
    entry.cross_geography,
    entry.context_window === null ? '-' : String(entry.context_window),
    priceText(entry),
  ]);
  return table(['MODEL', 'MODE', 'STATUS', 'RETIRES', 'CROSS-GEOGRAPHY', 'CONTEXT', 'PROPOSED USD/1M'], rows);
}

function priceText({ proposed_price: price }: CatalogEntry): string {
  if (price === null) return '-';
  return [price.input, price.output].filter((amount) => amount !== null).join(' / ');
}

function described(entry: CatalogEntry): string {
  const standards = Object.entries(entry.standards).map(([standard, support]) => `${standard} ${support}`);
  const lines: [string, string | null][] = [
    ['mode', entry.mode],
    ['region', entry.region],
    ['family', entry.family],
    ['task', entry.task],
    ['status', entry.status],
    ['redirected to', entry.redirect_to],
    ['retires', entry.retires_on],
    ['gone', entry.gone_on],
    ['replacement', entry.replacement],
    ['real time', entry.real_time === null ? null : entry.real_time ? 'yes' : 'no'],
    ['context', entry.context_window === null ? null : `${entry.context_window} tokens`],
    ['cross-geography', entry.cross_geography],
    ['standards', standards.join(', ')],
    [
      'container',
      entry.max_container_age_days === null
        ? null
        : `at most ${entry.max_container_age_days} days old, for standards`,
    ],
    [
      'proposed price',
      entry.proposed_price === null
        ? null
        : `${priceText(entry)} USD per 1M tokens in / out; not charged by itself`,
    ],
    ['sources', entry.sources.join('; ')],
  ];
  return `${entry.model}\n${lines.map(([name, value]) => `  ${name.padEnd(16)} ${value ?? 'not known'}\n`).join('')}`;
}
