/** Milliseconds since the Unix epoch. Days of the catalogue begin at midnight UTC, since its sources name no time zone. */
export type EpochMs = number;

export const DAY_MS = 86_400_000;

/** `2026-03-26` or `2026-03-26T12:00:00Z`, as the file's schema lets them in. */
export function epochMs(text: string): EpochMs {
  return Date.parse(text);
}

/** The day, `2026-03-26`; with the time where it is not midnight. */
export function dayText(ms: EpochMs): string {
  const text = new Date(ms).toISOString();
  return ms % DAY_MS === 0 ? text.slice(0, 10) : text.replace('.000', '');
}
