import { EXIT_CODES } from '@tollgate/http';
import type { ComplianceStandard } from '@tollgate/policy';
import type { Command } from 'commander';
import { readRecords } from '../choosing/record-file.ts';
import { recordProblems } from '../choosing/record-problems.ts';
import type { CatalogueMode } from '../file/file-schema.ts';
import { permitted } from '../queries/permitted.ts';
import { addCatalogOptions, type CatalogFlags, EXIT_HELP, modeOption, withCatalog } from './options.ts';
import { standards } from './requirement-options.ts';

type CheckFlags = CatalogFlags & {
  readonly mode: CatalogueMode;
  readonly region?: string;
  readonly residency?: string;
  readonly compliance: readonly ComplianceStandard[];
  readonly crossGeography?: true;
  readonly requireKnown?: true;
  readonly record?: string;
};

const HELP = `
With a model: whether it may be called like that, else by which rule not, and what may. With --record: whether what was
chosen still holds. With neither: whether the catalogue file is valid. \`tollgate policy check\` judges the routes of a policy file.
${EXIT_HELP}`;

/** Adds `check`. */
export function addCheck(command: Command): void {
  addCatalogOptions(
    command.command('check').description('whether a model may be called, or what was chosen still holds'),
  )
    .argument('[model]', 'a model, or an endpoint that the catalogue file describes')
    .addOption(modeOption().default('pay-per-token'))
    .option('--region <region>', 'where it is served')
    .option('--residency <place>', 'the region or geography that data may not leave')
    .option('--compliance <standards>', 'separated by commas', standards, [])
    .option('--cross-geography', 'data may be processed in another geography')
    .option('--require-known', 'what is not known is refused')
    .option('--record <file>', 'the records that `choose` keeps')
    .addHelpText('after', HELP)
    .action((model: string | undefined, flags: CheckFlags, self: Command) =>
      withCatalog(flags, self, async (catalog, at) => {
        const judged =
          model === undefined
            ? null
            : permitted(catalog, {
                model,
                mode: flags.mode,
                region: flags.region ?? null,
                within: flags.residency ?? null,
                standards: flags.compliance,
                crossGeographyAllowed: flags.crossGeography === true,
                at,
                requireKnown: flags.requireKnown === true,
              });
        const records =
          flags.record === undefined ? [] : recordProblems(await readRecords(flags.record), catalog, at);
        const fails = judged?.allowed === false || records.some(({ kind }) => kind === 'failure');
        if (flags.json === true) {
          process.stdout.write(`${JSON.stringify({ ok: !fails, verdict: judged, records })}\n`);
        } else {
          const lines = [
            ...(judged === null ? [] : [verdictText(judged)]),
            ...records.map(({ record, kind, message }) => `${kind}: ${record}: ${message}`),
          ];
          process.stdout.write(`${lines.length === 0 ? 'Nothing is wrong.' : lines.join('\n')}\n`);
        }
        process.exitCode = fails ? EXIT_CODES.failed : EXIT_CODES.ok;
      }),
    );
}

function verdictText(verdict: ReturnType<typeof permitted>): string {
  if (!verdict.allowed) return `${verdict.rule}: ${verdict.message}`;
  return verdict.notes.length === 0 ? 'Permitted.' : `Permitted, with notes: ${verdict.notes.join(', ')}.`;
}
