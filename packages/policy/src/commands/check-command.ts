import { EXIT_CODES } from '@tollgate/http';
import type { Command } from 'commander';
import { assertServable, parsePolicyConfig, readPolicyFile } from '../configuration/load.ts';
import type { PolicyConfig } from '../configuration/policy-config.ts';
import { describeProblem, PolicyConfigError, type PolicyProblem } from '../errors.ts';

type CheckFlags = { readonly json?: true };

/** What is to be said of a file. */
interface CheckReport {
  readonly file: string;
  readonly valid: boolean;
  readonly problems: readonly PolicyProblem[];
  /** Why a gateway with this environment would not serve it, although it is valid. */
  readonly notServable: readonly PolicyProblem[];
  readonly config: PolicyConfig | null;
}

/** Adds `check`. */
export function addCheck(command: Command): void {
  command
    .command('check')
    .description('check a file without serving it; nothing is called')
    .argument('<file>', 'a policy-config.yaml')
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      '\nReads DATABRICKS_HOST, which fills {workspace}. Exit: 0 the file is valid, 1 it is not, 2 wrong use or no such file.',
    )
    .action(async (file: string, flags: CheckFlags) => {
      const report = await checkFile(file, process.env);
      process.stdout.write(flags.json === true ? `${JSON.stringify(asJson(report))}\n` : describe(report));
      process.exitCode = exitCode(report);
    });
}

/** Checks a file as a whole: its own problems, and what keeps a gateway with this environment from serving it. */
export async function checkFile(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<CheckReport> {
  try {
    const bytes = await readPolicyFile(file);
    const config = parsePolicyConfig(bytes, { env, file, allowPlaceholders: true });
    const notServable = problemsOf(() => assertServable(parsePolicyConfig(bytes, { env, file })));
    return { file, valid: true, problems: [], notServable, config };
  } catch (error) {
    if (!(error instanceof PolicyConfigError)) throw error;
    return { file, valid: false, problems: error.problems, notServable: [], config: null };
  }
}

function problemsOf(read: () => unknown): readonly PolicyProblem[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof PolicyConfigError) return error.problems;
    throw error;
  }
}

/** Sets 2 for a file that can't be read, because then nothing is known of it. */
export function exitCode({ valid, problems }: CheckReport): number {
  if (valid) return EXIT_CODES.ok;
  return problems.some(({ code }) => code === 'unreadable-file') ? EXIT_CODES.usage : EXIT_CODES.failed;
}

function asJson({ file, valid, problems, notServable, config }: CheckReport): object {
  return {
    file,
    valid,
    problems,
    servable: valid && notServable.length === 0,
    not_servable: notServable,
    ...(config === null ? {} : { pack: config.pack, digest: config.digest, chain: config.chain }),
  };
}

/** For people: every problem on a line of its own, or what the file holds. */
export function describe({ file, problems, notServable, config }: CheckReport): string {
  if (config === null) return `${problems.map(describeProblem).join('\n')}\n`;
  const { pack, digest, targets, routes, chain } = config;
  const lines = [
    `${file}: valid`,
    `  pack     ${pack.name} ${pack.version}, ${digest.slice(0, 12)}`,
    `  chain    ${chain.join(', ') || 'empty'}`,
    `  targets  ${targets.length}`,
    `  models   ${routes.map(({ model }) => model).join(', ') || 'none'}`,
  ];
  if (notServable.length > 0)
    lines.push('A gateway would not serve it here:', ...notServable.map(describeProblem));
  return `${lines.join('\n')}\n`;
}
