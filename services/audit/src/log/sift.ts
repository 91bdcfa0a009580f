import type { InboxRow } from '../inbox/inbox-row.ts';
import { contains, type Ranges } from '../sources/ranges.ts';

/** A row whose source has numbered it. */
export type NumberedRow = InboxRow & { readonly sequence: number };

/** An event that claims what another already holds. */
export interface Clash {
  readonly kind: 'sequence-reused' | 'id-reused';
  readonly row: NumberedRow;
}

/** What becomes of the rows of one batch. Every row is in exactly one of the lists. */
export interface Sifted {
  /** New to the log, in order of arrival. */
  readonly fresh: readonly NumberedRow[];
  /** Their numbers are in the log; whether their bytes are too has to be looked up. */
  readonly repeats: readonly NumberedRow[];
  /** Byte for byte what is in `fresh`. */
  readonly doubles: readonly NumberedRow[];
  readonly clashes: readonly Clash[];
  /** Unnumbered: heartbeats. */
  readonly reports: readonly InboxRow[];
}

/**
 * Sorts a batch by what is to be done with each row. The first to claim a number keeps it.
 *
 * @param receivedOf the numbers of a source that are in the log
 * @param takenIds event ids that are known to be in the log under another number
 */
export function sift(
  rows: readonly InboxRow[],
  receivedOf: (source: string) => Ranges,
  takenIds: ReadonlySet<string>,
): Sifted {
  const fresh: NumberedRow[] = [];
  const repeats: NumberedRow[] = [];
  const doubles: NumberedRow[] = [];
  const clashes: Clash[] = [];
  const reports: InboxRow[] = [];
  const claimed = new Map<string, Map<number, NumberedRow>>();
  const ids = new Set<string>(takenIds);
  for (const row of rows) {
    if (!isNumbered(row)) {
      reports.push(row);
      continue;
    }
    let numbers = claimed.get(row.source);
    if (numbers === undefined) {
      numbers = new Map();
      claimed.set(row.source, numbers);
    }
    const holder = numbers.get(row.sequence);
    if (holder !== undefined) {
      if (holder.bytes.equals(row.bytes)) doubles.push(row);
      else clashes.push({ kind: 'sequence-reused', row });
    } else if (contains(receivedOf(row.source), row.sequence)) {
      repeats.push(row);
    } else if (ids.has(row.eventId)) {
      clashes.push({ kind: 'id-reused', row });
    } else {
      numbers.set(row.sequence, row);
      ids.add(row.eventId);
      fresh.push(row);
    }
  }
  return { fresh, repeats, doubles, clashes, reports };
}

function isNumbered(row: InboxRow): row is NumberedRow {
  return row.sequence !== null;
}
