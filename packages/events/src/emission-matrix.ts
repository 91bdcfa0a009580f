import type { TollgateEvent } from './parse.ts';
import type { UsageOutcome } from './request-events.ts';

/** What the events of one request have to be, by what became of it. docs/events.md shows the same as a table. */
export interface Emission {
  readonly requests: 0 | 1;
  /** The outcome of the decision about the request; null where there is none. */
  readonly decision: 'allowed' | 'denied' | 'rejected' | null;
  /** The outcome of the final usage event; none where nothing was allowed. */
  readonly final: UsageOutcome | null;
  /** Usage events of attempts that failed before the final one. */
  readonly earlierAttempts: 'none' | 'any' | 'one or more';
  /** The outcome of the decision about its answer; `if any`: `allowed`, where something was found before it broke off. */
  readonly output: 'none' | 'allowed' | 'denied' | 'if any';
  /** Counted in a rejections event of its minute rather than on its own. */
  readonly countedAsRejection: boolean;
}

const REFUSED = {
  requests: 1,
  final: null,
  earlierAttempts: 'none',
  output: 'none',
  countedAsRejection: false,
} as const;
const ALLOWED = {
  requests: 1,
  decision: 'allowed',
  earlierAttempts: 'none',
  output: 'none',
  countedAsRejection: false,
} as const;

export const EMISSION_MATRIX = {
  answered: { ...ALLOWED, final: 'completed' },
  'answered-with-findings': { ...ALLOWED, final: 'completed', output: 'allowed', earlierAttempts: 'any' },
  blocked: { ...ALLOWED, final: 'failed', output: 'denied', earlierAttempts: 'any' },
  denied: { ...REFUSED, decision: 'denied' },
  rejected: { ...REFUSED, decision: 'rejected' },
  unauthenticated: {
    requests: 0,
    decision: null,
    final: null,
    earlierAttempts: 'none',
    output: 'none',
    countedAsRejection: true,
  },
  'allowed-without-attempt': { ...ALLOWED, final: 'not-attempted' },
  aborted: { ...ALLOWED, final: 'aborted', earlierAttempts: 'any', output: 'if any' },
  failed: { ...ALLOWED, final: 'failed', earlierAttempts: 'any', output: 'if any' },
  'timed-out': { ...ALLOWED, final: 'timed-out', earlierAttempts: 'any', output: 'if any' },
  'fallen-back': { ...ALLOWED, final: 'completed', earlierAttempts: 'one or more', output: 'if any' },
  lost: { ...ALLOWED, final: 'gateway-lost', earlierAttempts: 'any' },
} as const satisfies Record<string, Emission>;

export type RequestFate = keyof typeof EMISSION_MATRIX;

/**
 * How the events of one request differ from what its fate asks for, as sentences; empty when they agree.
 *
 * @param events all events with the request's id as their subject, in any order
 */
export function emissionFaults(fate: RequestFate, events: readonly TollgateEvent[]): string[] {
  const expected: Emission = EMISSION_MATRIX[fate];
  const faults: string[] = [];
  const requests = events.filter((event) => event.type === 'tollgate.request.v1').length;
  if (requests !== expected.requests)
    faults.push(`${requests} request events instead of ${expected.requests}`);

  const decisions = events.flatMap((event) =>
    event.type === 'tollgate.decision.v1' && event.data.phase === 'request' ? [event.data.outcome] : [],
  );
  const wanted = expected.decision === null ? [] : [expected.decision];
  if (decisions.join() !== wanted.join()) faults.push(`decisions [${decisions}] instead of [${wanted}]`);

  const outputs = events.flatMap((event) =>
    event.type === 'tollgate.decision.v1' && event.data.phase === 'output' ? [event.data] : [],
  );
  const said = outputs.map(({ outcome }) => outcome).join();
  const fits = expected.output === 'if any' ? said === '' || said === 'allowed' : said === outputOf(expected);
  if (!fits) faults.push(`decisions about the answer [${said}] where ${expected.output} belongs`);
  if (outputs.some(({ findings }) => findings.length === 0)) faults.push('a decision about nothing found');

  const usage = events
    .flatMap((event) => (event.type === 'tollgate.usage.v1' ? [event.data] : []))
    .sort((a, b) => a.attempt - b.attempt);
  const finals = usage.filter((data) => data.final);
  const wantedFinal = expected.final === null ? [] : [expected.final];
  if (finals.map((data) => data.outcome).join() !== wantedFinal.join()) {
    faults.push(`final usage [${finals.map((data) => data.outcome)}] instead of [${wantedFinal}]`);
  }
  const earlier = usage.length - finals.length;
  const { earlierAttempts } = expected;
  if ((earlierAttempts === 'none' && earlier > 0) || (earlierAttempts === 'one or more' && earlier === 0)) {
    faults.push(`${earlier} earlier attempts where ${earlierAttempts} belong`);
  }
  if (finals.length === 1) {
    if (usage.at(-1)?.final === false) faults.push('an attempt after the final one');
    const first = usage[0]?.outcome === 'not-attempted' ? 0 : 1;
    if (usage.some((data, index) => data.attempt !== first + index)) {
      faults.push(
        `attempts [${usage.map((data) => data.attempt)}] instead of one after the other from ${first}`,
      );
    }
  }
  for (const data of finals) {
    const sum = Object.values(data.quantities).reduce<number>((total, n) => total + Number(n), 0);
    if (data.outcome === 'not-attempted' && sum !== 0) faults.push('quantities without an attempt');
    if (data.outcome === 'gateway-lost' && data.fidelity !== 'estimated') {
      faults.push(`a lost request's quantities are ${data.fidelity}, not estimated`);
    }
  }
  return faults;
}

function outputOf({ output }: Emission): string {
  return output === 'none' ? '' : output;
}
