import { writeFile } from 'node:fs/promises';
import { EXIT_CODES } from '@tollgate/http';
import type { ComplianceStandard } from '@tollgate/policy';
import { type Command, Option } from 'commander';
import { type Candidate, candidatesFor } from '../choosing/choose.ts';
import { decisionNote } from '../choosing/decision-note.ts';
import { keepRecord, readRecords } from '../choosing/record-file.ts';
import { recordOfChoice, type Said } from '../choosing/record-of-choice.ts';
import { LATENCIES, type Latency, type Requirements } from '../choosing/requirements.ts';
import { recordKey, type SelectionRecord } from '../choosing/selection-record.ts';
import { CatalogError } from '../errors.ts';
import type { CatalogueMode } from '../file/file-schema.ts';
import { addCatalogOptions, type CatalogFlags, modeOption, table, withCatalog } from './options.ts';
import { standards, tokens, usd } from './requirement-options.ts';

type ChooseFlags = CatalogFlags & {
  readonly region: string;
  readonly secondaryRegion?: string;
  readonly residency?: string;
  readonly mode?: CatalogueMode;
  readonly latency?: Latency;
  readonly task: 'chat' | 'embeddings';
  readonly compliance: readonly ComplianceStandard[];
  readonly crossGeography?: true;
  readonly context?: number;
  readonly budget?: string;
  readonly previews?: true;
  readonly all?: true;
  readonly model?: string;
  readonly record?: string;
  readonly note?: string;
  readonly owner?: string;
  readonly approver?: string;
  readonly reason?: string;
  readonly replacement?: string;
  readonly assertedBy?: string;
  readonly zeroDataRetention?: string;
  readonly dataProcessing?: string;
  readonly purpose?: string;
  readonly notFor?: string;
  readonly breaks?: string;
};

const HELP = `
Checks each model in this order: serving mode, region, cross-geography routing, preview or GA, retirement; then standards,
latency, context window and budget. Without --record or --note nothing is written. With either, the best that fits, or --model, is
recorded, and --owner, --approver and --reason are required. What is asserted is yours to assert: --asserted-by says who does.

Exit: 0 something fits, 1 nothing does or a file is not valid, 2 wrong use, or a file that can't be read.`;

const SHOWN = 5;

/** Adds `choose`. */
export function addChoose(command: Command): void {
  addCatalogOptions(command.command('choose').description('which model to use, and the record of why'))
    .requiredOption('--region <region>', 'where it has to be served')
    .option('--secondary-region <region>', 'where else, for the record')
    .option('--residency <place>', 'the region or geography that data may not leave')
    .addOption(modeOption())
    .addOption(new Option('--latency <latency>', 'how soon an answer is needed').choices(LATENCIES))
    .addOption(new Option('--task <task>').choices(['chat', 'embeddings']).default('chat'))
    .option('--compliance <standards>', 'separated by commas', standards, [])
    .option('--cross-geography', 'data may be processed in another geography')
    .option('--context <tokens>', 'what has to fit', tokens)
    .option('--budget <usd>', 'the most that a million tokens may cost, of input and of output each', usd)
    .option('--previews', 'previews come into question')
    .option('--all', 'every model, not only the best')
    .option('--model <model>', 'the one to record, instead of the best')
    .option('--record <file>', 'keep the record in this file')
    .option('--note <file>', 'write the decision note, in Markdown; - for standard output')
    .option('--owner <name>')
    .option('--approver <name>', 'who approves a switch')
    .option('--reason <text>', 'latency, cost or governance, in your words')
    .option('--replacement <model>', 'what follows; the next that fits unless given')
    .option('--asserted-by <name>', 'who asserts the following')
    .option('--zero-data-retention <statement>', 'your assertion about what the upstream keeps')
    .option('--data-processing <statement>', 'your assertion about where and by whom data is processed')
    .option('--purpose <text>', 'what it is for')
    .option('--not-for <text>', 'what it is not for')
    .option('--breaks <text>', 'what breaks without it')
    .addHelpText('after', HELP)
    .action((flags: ChooseFlags, self: Command) =>
      withCatalog(flags, self, async (catalog, at) => {
        const requirements = requirementsOf(flags);
        const candidates = candidatesFor(catalog, requirements, at);
        const chosen = chosenOf(candidates, flags.model);
        const wanted = flags.record !== undefined || flags.note !== undefined;
        const said = wanted ? saidOf(flags, self) : null;
        const record =
          said === null || chosen === null
            ? null
            : await recorded(flags, candidates, chosen, requirements, said, at);
        if (flags.json === true) {
          const shown = flags.all === true ? candidates : candidates.filter(({ fits }) => fits);
          process.stdout.write(
            `${JSON.stringify({ chosen: chosen?.entry ?? null, candidates: shown, record })}\n`,
          );
        } else if (flags.note !== '-')
          process.stdout.write(described(candidates, chosen, flags.all === true));
        if (record !== null && flags.note === '-') process.stdout.write(decisionNote(record));
        process.exitCode = chosen === null ? EXIT_CODES.failed : EXIT_CODES.ok;
      }),
    );
}

function requirementsOf(flags: ChooseFlags): Requirements {
  return {
    task: flags.task,
    latency: flags.latency ?? null,
    mode: flags.mode ?? null,
    region: flags.region,
    secondaryRegion: flags.secondaryRegion ?? null,
    residency: flags.residency ?? null,
    standards: flags.compliance,
    crossGeographyAllowed: flags.crossGeography === true,
    context: flags.context ?? null,
    budget: flags.budget ?? null,
    previews: flags.previews === true,
  };
}

function saidOf(flags: ChooseFlags, self: Command): Said {
  const { owner, approver, reason } = flags;
  if (owner === undefined || approver === undefined || reason === undefined) {
    self.error('error: a record needs --owner, --approver and --reason', { exitCode: EXIT_CODES.usage });
  }
  const asserts = flags.zeroDataRetention !== undefined || flags.dataProcessing !== undefined;
  if (asserts && flags.assertedBy === undefined) {
    self.error('error: say by --asserted-by who asserts it', { exitCode: EXIT_CODES.usage });
  }
  return {
    owner,
    approver,
    reason,
    replacement: flags.replacement ?? '',
    assertedBy: flags.assertedBy ?? null,
    zeroDataRetention: flags.zeroDataRetention ?? null,
    dataProcessing: flags.dataProcessing ?? null,
    purpose: flags.purpose ?? null,
    notFor: flags.notFor ?? null,
    breaks: flags.breaks ?? null,
  };
}

/** The best that fits, or the one that was asked for in the mode in which it fits best. */
function chosenOf(candidates: readonly Candidate[], model: string | undefined): Candidate | null {
  return candidates.find(({ entry, fits }) => fits && (model === undefined || entry.model === model)) ?? null;
}

async function recorded(
  flags: ChooseFlags,
  candidates: readonly Candidate[],
  chosen: Candidate,
  requirements: Requirements,
  said: Said,
  at: number,
): Promise<SelectionRecord> {
  const next = candidates.find(({ entry, fits }) => fits && entry.model !== chosen.entry.model)?.entry.model;
  const replacement = said.replacement === '' ? next : said.replacement;
  if (replacement === undefined) {
    throw new CatalogError(
      'nothing_permitted',
      'Nothing else fits that could follow it: name a --replacement.',
    );
  }
  const earlier = flags.record === undefined ? [] : await readRecords(flags.record);
  const key = recordKey({ ...chosen.entry, region: requirements.region });
  const before = earlier.find((record) => recordKey(record) === key) ?? null;
  const record = recordOfChoice(chosen, requirements, { ...said, replacement }, at, before);
  if (flags.record !== undefined) await keepRecord(flags.record, record);
  if (flags.note !== undefined && flags.note !== '-') await writeFile(flags.note, decisionNote(record));
  return record;
}

function described(candidates: readonly Candidate[], chosen: Candidate | null, all: boolean): string {
  const lines: string[] = [];
  if (chosen === null) lines.push('Nothing in the catalogue fits. Nearest:');
  else lines.push(`${chosen.entry.model} on ${chosen.entry.mode}`, ...checkLines(chosen));
  const fitting = candidates.filter((other) => other !== chosen && (other.fits || all || chosen === null));
  const shown = all ? fitting : fitting.slice(0, SHOWN);
  if (shown.length === 0) return `${lines.join('\n')}\n`;
  if (chosen !== null) lines.push('', all ? 'Others' : 'Others that fit');
  const rows = shown.map(({ entry, checks }) => [entry.model, entry.mode, entry.status, problemsOf(checks)]);
  return `${lines.join('\n')}\n${table(['MODEL', 'MODE', 'STATUS', 'OPEN'], rows)}`;
}

function checkLines({ checks }: Candidate): string[] {
  return checks.map(({ check, outcome, why }) => `  ${check.padEnd(10)} ${outcome.padEnd(8)} ${why}`);
}

function problemsOf(checks: Candidate['checks']): string {
  const failed = checks.filter(({ outcome }) => outcome === 'fail').map(({ why }) => why);
  if (failed.length > 0) return failed.join(' ');
  const unknown = checks.filter(({ outcome }) => outcome === 'unknown').map(({ check }) => check);
  return unknown.length === 0 ? '-' : `unknown: ${unknown.join(', ')}`;
}
