import { EXIT_CODES, readConfig } from '@tollgate/http';
import { Command } from 'commander';
import { z } from 'zod';
import { readAuditConfig } from '../config.ts';
import { openStores } from '../object-store/open-stores.ts';
import { type Difference, type RebuildReport, rebuildIndex } from './rebuild.ts';

const HELP = `
Run it in the environment of the service, with DATABASE_OWNER_URL besides. The service may go on meanwhile.
With --replace, an index that differs is exchanged for the one that was made, at one instant and without a stop, and then
compared again with another one.
Exit: 0 the index is what the archive says (now), 1 it is not, 2 wrong use.`;

/** `tollgate audit rebuild`. */
export function rebuildCommand(): Command {
  return new Command('rebuild')
    .description('make the search index again from the archive, in a schema of its own, and compare')
    .option('--replace', 'exchange the index where it differs')
    .option('--json', 'one JSON object')
    .addHelpText('after', HELP)
    .action(async ({ json, replace = false }: { readonly json?: true; readonly replace?: boolean }) => {
      const { DATABASE_OWNER_URL: ownerUrl } = readConfig(
        z.object({ DATABASE_OWNER_URL: z.url({ protocol: /^postgres(ql)?$/ }) }),
        process.env,
      );
      const { store } = await openStores(readAuditConfig(process.env));
      try {
        const progress = json !== true && process.stderr.isTTY === true;
        const report = await rebuildIndex({
          ownerUrl,
          store,
          replace,
          ...(progress ? { onProgress: showProgress } : {}),
        });
        if (progress) process.stderr.write('\n');
        process.stdout.write(json === true ? `${JSON.stringify(report)}\n` : described(report));
        if (report.differences.length > 0) process.exitCode = EXIT_CODES.failed;
      } finally {
        await store.close();
      }
    });
}

function described({ size, rows, digest, differences, replaced }: RebuildReport): string {
  const before =
    replaced === null ? '' : `replaced, since it was not what the archive says:\n${listed(replaced)}`;
  if (differences.length === 0) {
    return `${before}equal: ${rows} rows made again from ${size} archived events, SHA-256 of the dump ${digest}\n`;
  }
  return `${before}The index is not what the archive says; --replace exchanges it:\n${listed(differences)}`;
}

function listed(differences: readonly Difference[]): string {
  return differences
    .map(({ table, live, rebuilt }) => `${table}\n  has    ${live}\n  should ${rebuilt}\n`)
    .join('');
}

function showProgress(done: number, size: number): void {
  process.stderr.write(`\r${done} of ${size}`);
}
