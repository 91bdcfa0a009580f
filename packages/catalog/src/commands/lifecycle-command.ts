import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Catalog } from '../catalog.ts';
import { DAY_MS, dayText } from '../instant.ts';
import { lifecycleOf } from '../queries/lifecycle.ts';
import { addCatalogOptions, type CatalogFlags, EXIT_HELP, table, withCatalog } from './options.ts';

type LifecycleFlags = CatalogFlags & { readonly within: number; readonly past?: true };

const DEFAULT_DAYS = '90';
const MAX_DAYS = 3_650;

/** What ends, as `lifecycle` tells it. */
interface Ending {
  readonly model: string;
  readonly mode: string;
  readonly status: string;
  readonly retires_on: string | null;
  readonly gone_on: string | null;
  /** Whole days from now; negative once it is past. */
  readonly days_left: number | null;
  readonly redirect_to: string | null;
  readonly replacement: string | null;
}

/** Adds `lifecycle`. */
export function addLifecycle(command: Command): void {
  addCatalogOptions(command.command('lifecycle').description('what is about to be retired'))
    .option('--within <days>', 'how far to look ahead', days, Number(DEFAULT_DAYS))
    .option('--past', 'what is retired or redirected already, too')
    .addHelpText('after', EXIT_HELP)
    .action((flags: LifecycleFlags, self: Command) =>
      withCatalog(flags, self, (catalog, at) => {
        const endings = endingsOf(catalog, at).filter(({ days_left: left, status }) => {
          const over = status === 'retired' || status === 'redirected';
          return over ? flags.past === true : left !== null && left <= flags.within;
        });
        if (flags.json === true) {
          process.stdout.write(endings.map((ending) => `${JSON.stringify(ending)}\n`).join(''));
        } else process.stdout.write(described(endings, flags.within));
      }),
    );
}

function endingsOf(catalog: Catalog, at: number): Ending[] {
  return [...catalog.models]
    .flatMap(({ model, replacement }) =>
      [...catalog.modesOf(model)].flatMap((mode): Ending[] => {
        const { status, retiresMs, goneMs, redirectTo } = lifecycleOf(
          catalog,
          { model, mode, region: null },
          at,
        );
        if (retiresMs === null && status !== 'retired' && status !== 'redirected') return [];
        return [
          {
            model,
            mode,
            status,
            retires_on: retiresMs === null ? null : dayText(retiresMs),
            gone_on: goneMs === null ? null : dayText(goneMs),
            days_left: retiresMs === null ? null : Math.ceil((retiresMs - at) / DAY_MS),
            redirect_to: redirectTo,
            replacement: replacement ?? null,
          },
        ];
      }),
    )
    .sort((one, other) => (one.retires_on ?? '').localeCompare(other.retires_on ?? ''));
}

function described(endings: readonly Ending[], within: number): string {
  if (endings.length === 0) return `Nothing is known to be retired within ${within} days.\n`;
  return table(
    ['MODEL', 'MODE', 'STATUS', 'RETIRES', 'DAYS', 'GONE', 'MOVE TO'],
    endings.map((ending) => [
      ending.model,
      ending.mode,
      ending.status,
      ending.retires_on ?? 'not known',
      ending.days_left === null ? '-' : String(ending.days_left),
      ending.gone_on ?? '-',
      ending.redirect_to ?? ending.replacement ?? '-',
    ]),
  );
}

function days(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0 || number > MAX_DAYS) {
    throw new InvalidArgumentError(`Give whole days, at most ${MAX_DAYS}.`);
  }
  return number;
}
