import { readFile } from 'node:fs/promises';
import { ConfigError, EXIT_CODES, readConfig } from '@tollgate/http';
import { Command } from 'commander';
import { z } from 'zod';
import { DEFAULT_PORT } from '../config.ts';
import { logFiles } from './files.ts';
import { type FsckReport, fsck } from './fsck.ts';

interface Flags {
  readonly log?: string;
  readonly key: readonly string[];
  readonly since?: string;
  readonly archive?: string;
  readonly json?: true;
}

const HELP = `
Needs no more than read access to the files: run it where whoever runs the service can't change the outcome, with the
key and the earlier checkpoint that you kept.
Exit: 0 all is as it should be, 1 it is not, 2 wrong use.`;

/** `tollgate audit fsck`. */
export function fsckCommand(): Command {
  return new Command('fsck')
    .description(
      'derive the root of the log again from its entries, and hold tiles, checkpoint and archive against it',
    )
    .option('--log <place>', 'a folder or a URL; /log of TOLLGATE_AUDIT_URL unless given')
    .requiredOption('--key <verifier key...>', 'as `tollgate audit key` printed it when you first asked')
    .option('--since <file>', 'an earlier checkpoint that you kept: it has to be an ancestor')
    .option('--archive <folder>', 'the folder of the archive: every event is held against its entry')
    .option('--json', 'one JSON object')
    .addHelpText('after', HELP)
    .action(async (flags: Flags) => {
      const progress = flags.json !== true && process.stderr.isTTY === true;
      const report = await fsck({
        files: logFiles(...place(flags.log)),
        keys: flags.key,
        earlier: flags.since === undefined ? null : await saved(flags.since),
        archive: flags.archive ?? null,
        ...(progress ? { onProgress: showProgress } : {}),
      });
      if (progress) process.stderr.write('\n');
      process.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : described(report));
      if (report.problems.length > 0) process.exitCode = EXIT_CODES.failed;
    });
}

/** Where the log is, and the token for it. */
function place(given: string | undefined): [string, string | null] {
  const otherwise = `http://127.0.0.1:${DEFAULT_PORT}`;
  const values = readConfig(
    z.object({
      TOLLGATE_AUDIT_URL: z.url(`must be a URL, such as ${otherwise}`).default(otherwise),
      TOLLGATE_TOKEN: z.string().min(1).optional(),
    }),
    process.env,
  );
  return [given ?? `${values.TOLLGATE_AUDIT_URL.replace(/\/+$/, '')}/log`, values.TOLLGATE_TOKEN ?? null];
}

async function saved(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch {
    throw new ConfigError('--since', `${file} can't be read`);
  }
}

function showProgress(entries: number, size: number): void {
  process.stderr.write(`\r${entries} of ${size} entries`);
}

function described(report: FsckReport): string {
  const { origin, size, entries, tiles, events, problems } = report;
  const lines = [
    `log      ${origin ?? '-'}`,
    `size     ${size}`,
    `root     ${report.root ?? '-'}`,
    `entries  ${entries} hashed`,
    `tiles    ${tiles} compared`,
    `archive  ${events === null ? 'not looked at (--archive)' : `${events} events compared`}`,
    ...problems.map(({ code, message }) => `PROBLEM  ${code}: ${message}`),
    problems.length === 0 ? 'whole' : `${problems.length} problems`,
  ];
  return `${lines.join('\n')}\n`;
}
