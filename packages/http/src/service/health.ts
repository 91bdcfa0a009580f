/**
 * One thing a service needs: null while all is well, else the reason in a few words, without secrets, since anybody
 * may read it.
 */
export type HealthCheck = () => string | null | Promise<string | null>;

export type Readiness = {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly reason: string | null }>>;
};

/** A check that has not answered by then counts as failed. */
export const CHECK_TIMEOUT_MS = 2_000;

/** Runs all checks side by side. */
export async function readiness(
  checks: Readonly<Record<string, HealthCheck>>,
  timeoutMs = CHECK_TIMEOUT_MS,
): Promise<Readiness> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      const reason = await within(check, timeoutMs);
      return [name, { ok: reason === null, reason }] as const;
    }),
  );
  return { ready: results.every(([, result]) => result.ok), checks: Object.fromEntries(results) };
}

async function within(check: HealthCheck, timeoutMs: number): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${timeoutMs} ms`), timeoutMs);
  });
  try {
    return await Promise.race([Promise.resolve().then(check), late]);
  } catch {
    // The error's text may quote an address or a user; the log has it.
    return 'the check itself failed: see the log';
  } finally {
    clearTimeout(timer);
  }
}
