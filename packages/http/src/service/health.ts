import type { Metrics } from '@tollgate/telemetry';

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

/** Shows every check in the metrics, asked at each scrape: 1 while it is well, 0 while it is not. */
export function showChecks(
  checks: Readonly<Record<string, HealthCheck>>,
  serviceName: string,
  metrics: Metrics,
): void {
  metrics.gauge({
    name: `tollgate_${serviceName.replaceAll('-', '_')}_check_ok`,
    help: 'What the service needs: 1 while it is well, 0 while it is not; /readyz says why.',
    labels: ['check'],
    async collect(gauge) {
      const result = await readiness(checks);
      for (const [check, { ok }] of Object.entries(result.checks)) gauge.set({ check }, ok ? 1 : 0);
    },
  });
}

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
