import type { FieldPath, LocatedDocument, Problems } from '@tollgate/policy/located-yaml';
import { type EpochMs, epochMs } from '../instant.ts';

/** From when until when something holds: from inclusive, to exclusive; infinite where nothing is said. */
export interface Span {
  readonly fromMs: EpochMs;
  readonly toMs: EpochMs;
}

/** An entry of a file, and where it stands. */
export interface Placed<T> {
  readonly section: T;
  readonly path: FieldPath;
}

/** Where problems are told. */
export interface Place {
  readonly document: LocatedDocument;
  readonly problems: Problems;
}

interface Dated {
  readonly effective_from?: string | undefined;
  readonly effective_to?: string | undefined;
}

export function holdsAt(span: Span, at: EpochMs): boolean {
  return span.fromMs <= at && at < span.toMs;
}

/** The entries with their spans. Those that end before they begin are problems, and those that overlap another of their key. */
export function spans<T extends Dated>(
  entries: readonly Placed<T>[],
  keyOf: (section: T) => string,
  { document, problems }: Place,
): (T & Span)[] {
  const byKey = new Map<string, (Span & { readonly path: FieldPath })[]>();
  return entries.map(({ section, path }) => {
    const { effective_from, effective_to } = section;
    const fromMs = effective_from === undefined ? Number.NEGATIVE_INFINITY : epochMs(effective_from);
    const toMs = effective_to === undefined ? Number.POSITIVE_INFINITY : epochMs(effective_to);
    if (toMs <= fromMs) {
      const message = 'It ends before it begins: effective_to is exclusive, and has to be later.';
      problems.push(document.problem('contradiction', [...path, 'effective_to'], message));
    }
    const others = byKey.get(keyOf(section)) ?? [];
    const other = others.find((span) => span.fromMs < toMs && fromMs < span.toMs);
    if (other !== undefined) {
      const { line } = document.problem('contradiction', other.path, '');
      const message = `The entry at line ${line} is about the same at the same time: let one end where the other begins.`;
      problems.push(document.problem('contradiction', path, message));
    }
    byKey.set(keyOf(section), [...others, { fromMs, toMs, path }]);
    return { ...section, fromMs, toMs };
  });
}
