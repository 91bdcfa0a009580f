import { EXIT_CODES } from '@tollgate/http';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Catalog } from '../catalog.ts';
import { CatalogError } from '../errors.ts';
import { CATALOGUE_MODES } from '../file/file-schema.ts';
import { loadCatalog } from '../file/load-catalog.ts';
import { epochMs } from '../instant.ts';

/** What every command about the catalogue takes. */
export interface CatalogFlags {
  readonly catalog?: string;
  readonly at?: number;
  readonly json?: true;
}

export const EXIT_HELP = `
Exit: 0 done, 1 the answer is no or a file is not valid, 2 wrong use, or a file that can't be read.`;

export function addCatalogOptions(command: Command): Command {
  return command
    .option('--catalog <file>', 'a file over the catalogue, as catalog.file of policy-config.yaml')
    .option('--at <day>', 'as of a day, YYYY-MM-DD, or an instant; now unless given', instant)
    .option('--json', 'JSON');
}

export function modeOption(): Option {
  return new Option('--mode <mode>', 'how it is served').choices(CATALOGUE_MODES);
}

/** Day or instant, in milliseconds. */
export function instant(text: string): number {
  const ms = /^\d{4}-\d\d-\d\d(T[\d:.]+Z)?$/.test(text) ? epochMs(text) : Number.NaN;
  if (Number.isNaN(ms))
    throw new InvalidArgumentError('Give a day as YYYY-MM-DD, or an instant that ends in Z.');
  return ms;
}

/** Runs a command on the catalogue; a file that is not right ends it with what is wrong, each problem on its line. */
export async function withCatalog(
  flags: CatalogFlags,
  self: Command,
  act: (catalog: Catalog, at: number) => void | Promise<void>,
): Promise<void> {
  try {
    await act(await loadCatalog(flags.catalog ?? null), flags.at ?? Date.now());
  } catch (error) {
    if (!(error instanceof CatalogError)) throw error;
    const unread = error.code === 'catalogue_unreadable' || error.code === 'record_unreadable';
    self.error(`error: ${error.message}`, { exitCode: unread ? EXIT_CODES.usage : EXIT_CODES.failed });
  }
}

/** Columns as wide as they need to be, two blanks apart. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return `${[head, ...rows].map(line).join('\n')}\n`;
}
