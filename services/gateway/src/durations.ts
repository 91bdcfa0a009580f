/** Upper bounds of the buckets, in seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/**
 * A histogram of durations that costs an addition per observation (the registry's own costs a microsecond), and
 * writes itself in Prometheus' exposition format.
 */
export class DurationHistogram {
  readonly #name: string;
  readonly #help: string;
  readonly #counts = new Array<number>(BOUNDS.length + 1).fill(0);
  #sumUs = 0;

  constructor(name: string, help: string) {
    this.#name = name;
    this.#help = help;
  }

  observe(durationUs: number): void {
    const seconds = durationUs / 1e6;
    let bucket = 0;
    while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] ?? 0)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sumUs += durationUs;
  }

  text(): string {
    const lines = [`# HELP ${this.#name} ${this.#help}`, `# TYPE ${this.#name} histogram`];
    let total = 0;
    this.#counts.forEach((count, bucket) => {
      total += count;
      lines.push(`${this.#name}_bucket{le="${BOUNDS[bucket] ?? '+Inf'}"} ${total}`);
    });
    lines.push(`${this.#name}_sum ${this.#sumUs / 1e6}`, `${this.#name}_count ${total}`);
    return `${lines.join('\n')}\n`;
  }
}
