/** What a place holds of a team, or of all: counts, exact. */
export interface Totals {
  readonly requests: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
}

export const ZERO: Totals = { requests: 0, input_tokens: 0, output_tokens: 0 };

export function add(a: Totals, b: Totals): Totals {
  return {
    requests: a.requests + b.requests,
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
  };
}

function subtract(a: Totals, b: Totals): Totals {
  return {
    requests: a.requests - b.requests,
    input_tokens: a.input_tokens - b.input_tokens,
    output_tokens: a.output_tokens - b.output_tokens,
  };
}

export function equal(a: Totals, b: Totals): boolean {
  return (
    a.requests === b.requests && a.input_tokens === b.input_tokens && a.output_tokens === b.output_tokens
  );
}

/** Totals by team; the sum of all is `total`. */
export class TeamTotals {
  readonly #teams = new Map<string, Totals>();

  add(team: string, amount: Totals): void {
    this.#teams.set(team, add(this.of(team), amount));
  }

  of(team: string): Totals {
    return this.#teams.get(team) ?? ZERO;
  }

  teams(): string[] {
    return [...this.#teams.keys()].sort();
  }

  plus(other: TeamTotals): TeamTotals {
    const sum = new TeamTotals();
    for (const each of [this, other]) for (const team of each.teams()) sum.add(team, each.of(team));
    return sum;
  }

  /** May go below zero, where more is taken away than there is. */
  minus(other: TeamTotals): TeamTotals {
    const rest = new TeamTotals();
    for (const team of new Set([...this.teams(), ...other.teams()])) {
      rest.add(team, subtract(this.of(team), other.of(team)));
    }
    return rest;
  }

  total(): Totals {
    return [...this.#teams.values()].reduce(add, ZERO);
  }
}
