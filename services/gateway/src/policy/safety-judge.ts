import { type SafetyFilterSettings, safetyQuestion, safetyVerdict } from '@tollgate/policy';
import type { Metrics } from '@tollgate/telemetry';
import type { Clock } from '../clock.ts';
import { answerUsage } from '../metering/answer-usage.ts';
import { askUpstream } from '../upstream/ask-upstream.ts';
import type { Upstream } from '../upstream/upstream.ts';

/** What the safety filter makes of the texts of a request, as the chain takes it. */
type SafetyVerdict = ReturnType<typeof safetyVerdict>;

/** Whom the safety filter asks. */
export interface Judge {
  /** The longest that it may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Never rejects: no answer is a verdict, too. */
  ask(texts: readonly string[], signal: AbortSignal): Promise<SafetyVerdict>;
}

/** The target that judges. */
export interface JudgeTarget {
  readonly id: string;
  readonly model: string;
  readonly upstream: Upstream;
}

/** Counts what judges say, how long they take, and what they use, which no team is charged for. */
export class SafetyTallies {
  readonly clock: Clock;
  readonly #checks;
  readonly #durations;
  readonly #tokens;

  constructor(metrics: Metrics, clock: Clock) {
    this.clock = clock;
    this.#checks = metrics.counter({
      name: 'tollgate_gateway_safety_checks_total',
      help: 'Requests that the safety filter asked about, by target and outcome: safe, unsafe or no-verdict.',
      labels: ['target', 'outcome'],
    });
    this.#durations = metrics.histogram({
      name: 'tollgate_gateway_safety_check_duration_seconds',
      help: 'How long the safety filter waited for its judge.',
      labels: ['target'],
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    });
    this.#tokens = metrics.counter({
      name: 'tollgate_gateway_safety_tokens_total',
      help: 'Tokens that judges of the safety filter say they used; in no usage event.',
      labels: ['target', 'direction'],
    });
  }

  tell(target: string, verdict: SafetyVerdict, answer: Buffer | null, beganMs: number): void {
    this.#durations.observe({ target }, (this.clock.monotonic() - beganMs) / 1000);
    const [finding] = verdict.findings;
    const outcome = finding === undefined ? 'safe' : finding.rule === 'no-verdict' ? 'no-verdict' : 'unsafe';
    this.#checks.inc({ target, outcome });
    const used = answer === null ? null : answerUsage(answer);
    if (used === null) return;
    this.#tokens.inc({ target, direction: 'input' }, used.input_tokens);
    this.#tokens.inc({ target, direction: 'output' }, used.output_tokens);
  }
}

/** Asks a target by the form that it knows. */
export function safetyJudge(
  settings: SafetyFilterSettings,
  { id, model, upstream }: JudgeTarget,
  tallies: SafetyTallies | null,
): Judge {
  const { timeoutMs } = settings;
  return {
    timeoutMs,
    async ask(texts, signal) {
      const beganMs = tallies?.clock.monotonic() ?? 0;
      const { path, body } = safetyQuestion(settings, model, texts);
      const answer = await askUpstream(upstream, path, body, { timeoutMs, signal });
      const verdict = safetyVerdict(settings, answer === null ? undefined : parsed(answer));
      tallies?.tell(id, verdict, answer, beganMs);
      return verdict;
    },
  };
}

function parsed(answer: Buffer): unknown {
  try {
    return JSON.parse(answer.toString('utf8'));
  } catch {
    return undefined;
  }
}
