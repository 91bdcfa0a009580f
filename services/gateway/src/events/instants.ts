const DAY_MS = 86_400_000;

/** Writes instants as RFC 3339 UTC text, once per millisecond and offset rather than once per event. */
export class InstantWriter {
  #ms = Number.NaN;
  #text = '';
  #retainMs = Number.NaN;
  #retainDays = Number.NaN;
  #retainText = '';

  /** `ms` (since the epoch) as text. */
  text(ms: number): string {
    if (ms !== this.#ms) {
      this.#ms = ms;
      this.#text = new Date(ms).toISOString();
    }
    return this.#text;
  }

  /** The instant `days` of 24 hours after `ms`, as text. */
  daysLater(ms: number, days: number): string {
    if (ms !== this.#retainMs || days !== this.#retainDays) {
      this.#retainMs = ms;
      this.#retainDays = days;
      this.#retainText = new Date(ms + days * DAY_MS).toISOString();
    }
    return this.#retainText;
  }
}
