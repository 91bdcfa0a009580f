import { equal, TeamTotals, type Totals } from './totals.ts';

/** One final usage as a place holds it. */
export interface FinalUsage {
  readonly requestId: string;
  /** The `x-request-id` that the replay sent; null where the place holds none. */
  readonly clientRequestId: string | null;
  readonly teamId: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** What one place holds of a replay: what its client saw answered, and what was abandoned on the way. */
export class Place {
  readonly name: string;
  readonly completed = new TeamTotals();
  readonly abandoned = new TeamTotals();
  /** Requests that the place holds more than once: each a fault. */
  readonly doubled: string[] = [];
  readonly #seen = new Set<string>();
  readonly #answered: ReadonlySet<string>;

  constructor(name: string, answered: ReadonlySet<string>) {
    this.name = name;
    this.#answered = answered;
  }

  get requests(): number {
    return this.#seen.size;
  }

  /** Completed and abandoned together. */
  all(): TeamTotals {
    return this.completed.plus(this.abandoned);
  }

  record(usage: FinalUsage): void {
    if (this.#seen.has(usage.requestId)) {
      this.doubled.push(usage.requestId);
      return;
    }
    this.#seen.add(usage.requestId);
    const answered = usage.clientRequestId !== null && this.#answered.has(usage.clientRequestId);
    (answered ? this.completed : this.abandoned).add(usage.teamId, {
      requests: 1,
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
    });
  }
}

/**
 * Where the places differ from what was sent and, in what was abandoned, from each other: one sentence each, empty
 * when every total of every team is equal.
 *
 * @param sums what places that hold sums alone say of each team, which has to be what the last of `places` holds:
 *   completed and abandoned
 *
 * A request is abandoned when the client never got its whole answer, because the gateway died first. The client
 * can't know what became of it, so the places are compared with each other.
 */
export function differences(
  sent: TeamTotals,
  places: readonly Place[],
  sums: Readonly<Record<string, TeamTotals>> = {},
): string[] {
  const faults: string[] = [];
  const compare = (what: string, expected: TeamTotals, held: TeamTotals) => {
    for (const team of new Set([...expected.teams(), ...held.teams()])) {
      if (!equal(expected.of(team), held.of(team))) {
        faults.push(`${what}, ${team}: ${show(held.of(team))} instead of ${show(expected.of(team))}`);
      }
    }
  };
  const [first, ...others] = places;
  for (const place of places) {
    compare(place.name, sent, place.completed);
    for (const request of place.doubled) faults.push(`${place.name}: request ${request} is held twice`);
  }
  for (const place of others) {
    if (first) compare(`abandoned in ${place.name} against ${first.name}`, first.abandoned, place.abandoned);
  }
  const last = places.at(-1);
  if (last) for (const [name, held] of Object.entries(sums)) compare(name, last.all(), held);
  return faults;
}

function show({ requests, input_tokens, output_tokens }: Totals): string {
  return `${requests} requests, ${input_tokens} in, ${output_tokens} out`;
}
