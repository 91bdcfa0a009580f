import type { FieldPath, LocatedDocument } from './document/document.ts';
import { type Problems, readSection } from './document/section.ts';
import { type PayloadMode, type PayloadsSection, payloadsSchema } from './schema/file-schema.ts';
import { requireFeature, type Support } from './support.ts';

/** Which bodies of a call the payload vault keeps, and how strictly. */
export interface PayloadCapture {
  /** `required`: a call whose bodies can't be kept is refused; `best-effort`: it passes, and the loss is counted. */
  readonly mode: PayloadMode;
  readonly requests: boolean;
  readonly responses: boolean;
  /** `null`: as long as events are kept. */
  readonly retentionDays: number | null;
}

export const NO_PAYLOADS: PayloadCapture = {
  mode: 'none',
  requests: false,
  responses: false,
  retentionDays: null,
};

type Said = Exclude<PayloadsSection, string>;

/** A `payloads` section, of the file or of a route. `undefined` where it is not there, or is wrong. */
export function readPayloads(
  value: unknown,
  path: FieldPath,
  support: Support,
  document: LocatedDocument,
  problems: Problems,
): PayloadCapture | undefined {
  if (value === undefined || value === null) return undefined;
  const section = readSection(payloadsSchema, value, path, document, problems);
  return section === undefined ? undefined : payloadCapture(section, path, support, document, problems);
}

/** What a section of the right shape means. */
export function payloadCapture(
  section: PayloadsSection,
  path: FieldPath,
  support: Support,
  document: LocatedDocument,
  problems: Problems,
): PayloadCapture {
  const said: Said = typeof section === 'string' ? { mode: section, bodies: 'all' } : section;
  const { mode, bodies, retention_days: days } = said;
  if (mode === 'none') return NO_PAYLOADS;
  requireFeature('payloads', support, path, document, problems);
  return {
    mode,
    requests: bodies !== 'responses',
    responses: bodies !== 'requests',
    retentionDays: days ?? null,
  };
}

/**
 * What is kept of calls that may reach any of these targets: a target of which it is asserted that it keeps no data
 * leaves sizes alone, whatever the file says, and whichever of the targets a call reaches in the end.
 */
export function keptOf(
  capture: PayloadCapture,
  targets: readonly { readonly target: { readonly dataPolicy: { readonly zeroDataRetention: boolean } } }[],
): PayloadCapture {
  return targets.some(({ target }) => target.dataPolicy.zeroDataRetention) ? NO_PAYLOADS : capture;
}
