import { EXIT_CODES, readConfig } from '@tollgate/http';
import { Command } from 'commander';
import { z } from 'zod';
import { readAuditConfig } from '../config.ts';
import { openStores } from '../object-store/open-stores.ts';
import { type RebuildReport, rebuildIndex } from './rebuild.ts';

const HELP = `
Run it in the environment of the service, with DATABASE_OWNER_URL besides. The service may go on meanwhile.
Exit: 0 the index is what the archive says, 1 it is not, 2 wrong use.`;

/** `tollgate audit rebuild`. */
export function rebuildCommand(): Command {
  return new Command('rebuild')
    .description('make the search index again from the archive, in a schema of its own, and compare')
    .option('--json', 'one JSON object')
    .addHelpText('after', HELP)
    .action(async ({ json }: { readonly json?: true }) => {
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

function described({ size, rows, digest, differences }: RebuildReport): string {
  if (differences.length === 0) {
    return `equal: ${rows} rows made again from ${size} archived events, SHA-256 of the dump ${digest}\n`;
  }
  const lines = differences.map(
    ({ table, live, rebuilt }) => `${table}\n  has    ${live}\n  should ${rebuilt}\n`,
  );
  return `The index is not what the archive says:\n${lines.join('')}`;
}

function showProgress(done: number, size: number): void {
  process.stderr.write(`\r${done} of ${size}`);
}
