import { EXIT_CODES } from '@tollgate/http';
import { type Command, Option } from 'commander';
import type { Explanation } from '../chain/explain.ts';
import type { Denial } from '../chain/policy-step.ts';
import { assertServable, parsePolicyConfig, readPolicyFile } from '../configuration/load.ts';
import type { PolicyConfig } from '../configuration/policy-config.ts';
import { describeProblem, PolicyConfigError, type PolicyProblem } from '../errors.ts';
import {
  describeExplanation,
  explainSample,
  type GuardAnswer,
  SAMPLE_ENDPOINTS,
  type SampleEndpoint,
} from './explain-sample.ts';

/** What another package has to say about a valid file. */
export interface Advice {
  /** What keeps a gateway from serving it. */
  readonly problems: readonly PolicyProblem[];
  readonly warnings: readonly PolicyAdvice[];
  /** Why every request for a model would be refused, by the name that requests give. */
  readonly refusals: ReadonlyMap<string, Pick<Denial, 'code' | 'status' | 'message'>>;
}

export interface PolicyAdvice {
  readonly code: string;
  /** What it is about, such as a model and its target. */
  readonly subject: string;
  readonly message: string;
}

/** Asked about a valid file; `now` in milliseconds since the Unix epoch. */
export type Advise = (config: PolicyConfig, now: number) => Promise<Advice>;

const NO_ADVICE: Advice = { problems: [], warnings: [], refusals: new Map() };

type CheckFlags = {
  readonly json?: true;
  readonly strict?: true;
  /** `true`: from standard input. */
  readonly explain?: true | string;
  readonly role: readonly string[];
  readonly answer?: string;
  readonly endpoint: SampleEndpoint;
};

/** What is to be said of a file. */
interface CheckReport {
  readonly file: string;
  readonly problems: readonly PolicyProblem[];
  /** Why a gateway with this environment would not serve it, although it is valid. */
  readonly notServable: readonly PolicyProblem[];
  /** `null`: it is not valid. */
  readonly config: PolicyConfig | null;
  /** What to know before it is served. */
  readonly warnings: readonly PolicyAdvice[];
  readonly refusals: Advice['refusals'];
}

const HELP = `
Reads DATABRICKS_HOST, which fills {workspace} and stands in for targets.
Exit: 0 the file is valid, 1 it is not, or --strict and there are warnings, 2 wrong use, or a file that can't be read. What
--explain says changes nothing of that.`;

/**
 * Adds `check`.
 *
 * @param guardAnswer reads answers for `--answer`; without it there is no such flag
 */
export function addCheck(command: Command, advise: Advise | null, guardAnswer: GuardAnswer | null): void {
  const check = command
    .command('check')
    .description('check a file without serving it; nothing is called')
    .argument('<file>', 'a policy-config.yaml')
    .option('--json', 'one JSON object')
    .option('--strict', 'warnings are failures')
    .option(
      '--explain [request]',
      'what would happen to a request: a file with its JSON body, or standard input',
    )
    .option('--role <name...>', 'roles of the caller, for --explain', [])
    .addOption(
      new Option('--endpoint <name>', 'where the request goes, for --explain')
        .choices(SAMPLE_ENDPOINTS)
        .default('chat'),
    )
    .addHelpText('after', HELP)
    .action(async (file: string, flags: CheckFlags, self: Command) => {
      if (flags.answer !== undefined && flags.explain === undefined)
        self.error('error: --answer is explained with its request: give --explain as well', {
          exitCode: EXIT_CODES.usage,
        });
      const report = await checkFile(file, process.env, advise);
      const explanation =
        flags.explain === undefined || report.config === null
          ? null
          : await explainSample(report.config, {
              request: flags.explain === true ? '-' : flags.explain,
              answer: answerOf(flags),
              roles: flags.role,
              endpoint: flags.endpoint,
            }).catch((error: unknown) => {
              if (error instanceof PolicyConfigError)
                self.error(`error: ${error.message}`, { exitCode: EXIT_CODES.usage });
              throw error;
            });
      if (flags.json === true) {
        const json =
          explanation === null
            ? asJson(report)
            : { ...asJson(report), explanation: advised(explanation, report) };
        process.stdout.write(`${JSON.stringify(json)}\n`);
      } else {
        process.stdout.write(
          describe(report) + (explanation === null ? '' : describeExplanation(advised(explanation, report))),
        );
      }
      process.exitCode = exitCode(report, flags.strict === true);
    });
  if (guardAnswer !== null) {
    check.option(
      '--answer <file>',
      'what would happen to this answer to the request, a file with its JSON body, for --explain',
    );
  }
  const answerOf = ({ answer }: CheckFlags) =>
    answer === undefined || guardAnswer === null ? null : { source: answer, guard: guardAnswer };
}

/** A request for a model that is refused whatever it says is refused before the chain looks at it. */
function advised(explanation: Explanation, { refusals }: CheckReport): Explanation {
  const refusal = refusals.get(explanation.model);
  if (refusal === undefined) return explanation;
  return {
    ...explanation,
    denial: { policy: 'catalog', ...refusal },
    findings: [],
    rewritten: null,
    answer: null,
  };
}

/** Checks a file as a whole: its own problems, and what keeps a gateway with this environment from serving it. */
async function checkFile(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
  advise: Advise | null,
): Promise<CheckReport> {
  try {
    const bytes = await readPolicyFile(file);
    const config = parsePolicyConfig(bytes, { env, file, allowPlaceholders: true });
    const notServable = problemsOf(() => assertServable(parsePolicyConfig(bytes, { env, file })));
    const advice = advise === null ? NO_ADVICE : await advise(config, Date.now());
    const valid = advice.problems.length === 0;
    return { file, notServable, ...advice, config: valid ? config : null };
  } catch (error) {
    if (!(error instanceof PolicyConfigError)) throw error;
    return {
      file,
      problems: error.problems,
      notServable: [],
      config: null,
      warnings: [],
      refusals: new Map(),
    };
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
function exitCode({ config, problems, warnings }: CheckReport, strict: boolean): number {
  if (config !== null) return strict && warnings.length > 0 ? EXIT_CODES.failed : EXIT_CODES.ok;
  return problems.some(({ code }) => code === 'unreadable-file') ? EXIT_CODES.usage : EXIT_CODES.failed;
}

function asJson({ file, problems, notServable, config, warnings }: CheckReport): object {
  return {
    file,
    valid: config !== null,
    problems,
    servable: config !== null && notServable.length === 0,
    not_servable: notServable,
    warnings,
    ...(config === null ? {} : { pack: config.pack, digest: config.digest, chain: config.chain }),
  };
}

/** For people: every problem on a line of its own, or what the file holds. */
function describe({ file, problems, notServable, config, warnings }: CheckReport): string {
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
  lines.push(...warnings.map(({ subject, message }) => `warning: ${subject}: ${message}`));
  return `${lines.join('\n')}\n`;
}
