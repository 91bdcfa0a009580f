import { EXIT_CODES } from '@tollgate/http';
import { type Command, Option } from 'commander';
import { assertServable, parsePolicyConfig, readPolicyFile } from '../configuration/load.ts';
import type { PolicyConfig } from '../configuration/policy-config.ts';
import { describeProblem, PolicyConfigError, type PolicyProblem } from '../errors.ts';
import { describeExplanation, explainSample } from './explain-sample.ts';

type CheckFlags = {
  readonly json?: true;
  /** `true`: from standard input. */
  readonly explain?: true | string;
  readonly role: readonly string[];
  readonly endpoint: string;
};

/** What is to be said of a file. */
interface CheckReport {
  readonly file: string;
  readonly problems: readonly PolicyProblem[];
  /** Why a gateway with this environment would not serve it, although it is valid. */
  readonly notServable: readonly PolicyProblem[];
  /** `null`: it is not valid. */
  readonly config: PolicyConfig | null;
}

const HELP = `
Reads DATABRICKS_HOST, which fills {workspace} and stands in for targets.
Exit: 0 the file is valid, 1 it is not, 2 wrong use, or a file that can't be read. What --explain says changes nothing of that.`;

/** Adds `check`. */
export function addCheck(command: Command): void {
  command
    .command('check')
    .description('check a file without serving it; nothing is called')
    .argument('<file>', 'a policy-config.yaml')
    .option('--json', 'one JSON object')
    .option(
      '--explain [request]',
      'what would happen to a request: a file with its JSON body, or standard input',
    )
    .option('--role <name...>', 'roles of the caller, for --explain', [])
    .addOption(
      new Option('--endpoint <name>', 'where the request goes, for --explain')
        .choices(['chat', 'completions', 'responses', 'embeddings'])
        .default('chat'),
    )
    .addHelpText('after', HELP)
    .action(async (file: string, flags: CheckFlags, self: Command) => {
      const report = await checkFile(file, process.env);
      const explanation =
        flags.explain === undefined || report.config === null
          ? null
          : await explainSample(report.config, flags.explain === true ? '-' : flags.explain, {
              roles: flags.role,
              generates: flags.endpoint !== 'embeddings',
            }).catch((error: unknown) => {
              if (error instanceof PolicyConfigError)
                self.error(`error: ${error.message}`, { exitCode: EXIT_CODES.usage });
              throw error;
            });
      if (flags.json === true) {
        const json = explanation === null ? asJson(report) : { ...asJson(report), explanation };
        process.stdout.write(`${JSON.stringify(json)}\n`);
      } else {
        process.stdout.write(
          describe(report) + (explanation === null ? '' : describeExplanation(explanation)),
        );
      }
      process.exitCode = exitCode(report);
    });
}

/** Checks a file as a whole: its own problems, and what keeps a gateway with this environment from serving it. */
async function checkFile(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<CheckReport> {
  try {
    const bytes = await readPolicyFile(file);
    const config = parsePolicyConfig(bytes, { env, file, allowPlaceholders: true });
    const notServable = problemsOf(() => assertServable(parsePolicyConfig(bytes, { env, file })));
    return { file, problems: [], notServable, config };
  } catch (error) {
    if (!(error instanceof PolicyConfigError)) throw error;
    return { file, problems: error.problems, notServable: [], config: null };
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

/** 2 for a file that can't be read, because then nothing is known of it. */
function exitCode({ config, problems }: CheckReport): number {
  if (config !== null) return EXIT_CODES.ok;
  return problems.some(({ code }) => code === 'unreadable-file') ? EXIT_CODES.usage : EXIT_CODES.failed;
}

function asJson({ file, problems, notServable, config }: CheckReport): object {
  return {
    file,
    valid: config !== null,
    problems,
    servable: config !== null && notServable.length === 0,
    not_servable: notServable,
    ...(config === null ? {} : { pack: config.pack, digest: config.digest, chain: config.chain }),
  };
}

/** For people: every problem on a line of its own, or what the file holds. */
function describe({ file, problems, notServable, config }: CheckReport): string {
  if (config === null) return `${problems.map(describeProblem).join('\n')}\n`;
  const { pack, digest, targets, routes, chain } = config;
  const lines = [
    `${file}: valid`,
    `  pack     ${pack.name} ${pack.version}, ${digest.slice(0, 12)}`,
    `  chain    ${chain.join(', ') || 'empty'}`,
    `  targets  ${targets.length}`,
    `  models   ${routes.map(({ model }) => model).join(', ') || 'none'}`,
  ];
  if (notServable.length > 0) {
    lines.push('A gateway would not serve it here:', ...notServable.map(describeProblem));
  }
  return `${lines.join('\n')}\n`;
}
