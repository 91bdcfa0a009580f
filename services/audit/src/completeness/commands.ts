import { writeFile } from 'node:fs/promises';
import { configuredClient, EXIT_CODES } from '@tollgate/http';
import { Command } from 'commander';
import { z } from 'zod';
import { DEFAULT_PORT } from '../config.ts';
import { describedLoss } from '../sources/loss-command.ts';
import { type Statement, statement } from './statement.ts';

interface Flags {
  readonly from: string;
  readonly to: string;
  readonly organisation?: string;
  readonly out?: string;
  readonly json?: true;
}

/** `tollgate audit completeness`. */
export function completenessCommand(): Command {
  return new Command('completeness')
    .description('whether the trail of a period is complete, by a signed statement')
    .requiredOption('--from <instant>', 'RFC 3339, on a quarter of an hour')
    .requiredOption('--to <instant>', 'the same, not included')
    .option('--organisation <id>', 'count its events alone')
    .option('--out <file>', 'write the signed statement there')
    .option('--json', 'the statement as one JSON object')
    .addHelpText('after', '\nExit: 0 complete, 1 not proven complete, 2 wrong use.')
    .action(async ({ from, to, organisation, out, json }: Flags) => {
      const answer = await configuredClient(process.env, 'TOLLGATE_AUDIT_URL', DEFAULT_PORT).call({
        method: 'GET',
        path: '/v1/completeness',
        query: { from, to, organisation },
        answer: z.object({ statement, note: z.string() }),
      });
      if (out !== undefined) await writeFile(out, answer.note);
      process.stdout.write(
        json === true ? `${JSON.stringify(answer.statement)}\n` : described(answer.statement),
      );
      if (answer.statement.verdict !== 'complete') process.exitCode = EXIT_CODES.failed;
    });
}

/** A statement for people. */
export function described({ verdict, period, checkpoint, ...rest }: Statement): string {
  const lines = [
    `${verdict}: ${period.from} to ${period.to}, over the first ${checkpoint.size} entries of ${rest.log}`,
    ...Object.entries(rest.counts).map(([type, events]) => `  ${events}  ${type}`),
    ...payloadLines(rest.payloads),
    ...(rest.acknowledged_losses ?? []).map((loss) => `  acknowledged loss: ${describedLoss(loss)}`),
    ...[...rest.reasons, ...rest.notices].map(
      ({ code, source, from, to, count, detail }) =>
        `  ${[code, source, range(from, to), count === undefined ? null : `(${count})`].filter(Boolean).join(' ')}: ${detail}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function payloadLines(payloads: Statement['payloads']): string[] {
  if (payloads === undefined) return [];
  const { counted: _counted, examples: _examples, ...counts } = payloads;
  if (Object.values(counts).every((n) => n === 0)) return [];
  return [
    `  payloads: ${Object.entries(counts)
      .map(([name, n]) => `${n} ${name.replaceAll('_', ' ')}`)
      .join(', ')}`,
  ];
}

function range(from: number | undefined, to: number | undefined): string | null {
  if (from === undefined) return null;
  return to === undefined ? `from ${from}` : `${from}–${to}`;
}
