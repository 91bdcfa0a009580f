import { type Catalog, NOTICE_MS, type StatusStretch, type Subject } from '../catalog.ts';
import type { ModelStatus } from '../file/file-schema.ts';
import type { EpochMs } from '../instant.ts';

/** What a model's status is, and what becomes of it. */
export interface Lifecycle {
  readonly status: ModelStatus;
  /** What answers instead, while redirected; `null` where that is not known. */
  readonly redirectTo: string | null;
  /**
   * When the model itself ends or ended: it is redirected or retired from then on. `null` where no end is known, or
   * where it ended at a time that nobody states.
   */
  readonly retiresMs: EpochMs | null;
  /** When its name is or was answered no longer; `null` likewise. */
  readonly goneMs: EpochMs | null;
  /** Since when, or from when, it is to be seen as deprecated; `null` where no end is known. */
  readonly deprecatedMs: EpochMs | null;
  /** Whether its end is past, or nearer than the notice. */
  readonly notice: boolean;
  /** Where the status is from. */
  readonly source: string | null;
}

/** The status of a model in a mode and region. */
export function lifecycleOf(catalog: Catalog, subject: Subject, at: EpochMs): Lifecycle {
  const stretches = catalog.statusesOf(subject);
  const current = stretches.findLast(({ fromMs }) => fromMs <= at);
  const status = current?.status ?? 'unknown';
  const over = status === 'retired' || status === 'redirected';
  const retiresMs = finite(
    beginning(stretches, at, (other) => other === 'retired' || other === 'redirected'),
  );
  const goneMs = finite(beginning(stretches, at, (other) => other === 'retired'));
  const announced = catalog.stated(subject, at, (row) => row.deprecatedFromMs ?? undefined)?.value ?? null;
  const deprecatedMs = announced ?? (retiresMs === null ? null : retiresMs - NOTICE_MS);
  return {
    status,
    redirectTo: current?.row?.redirect_to ?? null,
    retiresMs,
    goneMs,
    deprecatedMs,
    notice: over || (retiresMs !== null && retiresMs - NOTICE_MS <= at),
    source: current?.row?.source ?? null,
  };
}

/** Where the stretch that is or will be of a kind begins: the one around an instant, else the next one after it. */
function beginning(
  stretches: readonly StatusStretch[],
  at: EpochMs,
  ofKind: (status: ModelStatus) => boolean,
): EpochMs | null {
  let begun: EpochMs | null = null;
  for (const { fromMs, status } of stretches) {
    if (!ofKind(status)) {
      if (fromMs <= at) begun = null;
      else if (begun !== null) return begun;
    } else begun ??= fromMs;
  }
  return begun;
}

function finite(ms: EpochMs | null): EpochMs | null {
  return ms !== null && Number.isFinite(ms) ? ms : null;
}
