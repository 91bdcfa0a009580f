import { tsvectorBytes } from '@tollgate/database';

/**
 * What an event can be found by besides its time, kind and owner: labelled identifiers, kept as the lexemes of a
 * tsvector. One index serves exact filters (`model=…`) and the free search over all labels, which is by prefix.
 * Upper and lower case are the same.
 */
export const TERM_LABELS = [
  'request',
  'client-request',
  'trace',
  'principal',
  'key',
  'project',
  'cost-centre',
  'model',
  'target',
  'outcome',
  'code',
  'policy',
  'finding',
  'lease',
  'action',
  'object',
] as const;
export type TermLabel = (typeof TERM_LABELS)[number];

/** Of one identifier; what is longer is found by its beginning. A lexeme takes 2,046 bytes. */
export const MAX_TERM_CHARACTERS = 256;
/** Of one event: findings are at most 256, leases 32. */
const MAX_TERMS = 1_000;

/** Collects an event's terms. */
export class Terms {
  readonly #labels: TermLabel[] = [];
  readonly #values: string[] = [];

  /** Takes an identifier; anything else than a text that says something is passed over. */
  add(label: TermLabel, value: unknown): void {
    if (typeof value !== 'string' || value === '' || this.#labels.length >= MAX_TERMS) return;
    const known = folded(value);
    // Of one label there are a few at most, so that looking through them costs less than a set.
    for (let n = this.#values.length - 1; n >= 0; n -= 1) {
      if (this.#labels[n] === label && this.#values[n] === known) return;
    }
    this.#labels.push(label);
    this.#values.push(known);
  }

  /** As COPY takes a tsvector. */
  get bytes(): Buffer {
    return tsvectorBytes(this.#values.map((value, n) => `${this.#labels[n]}=${value}`));
  }
}

/** The tsquery for events that have this identifier. */
export function termQuery(label: TermLabel, value: string): string {
  return quoted(label, value);
}

/** The tsquery for events that have an identifier of any label that begins so. */
export function prefixQuery(value: string): string {
  return TERM_LABELS.map((label) => `${quoted(label, value)}:*`).join(' | ');
}

/** Printable ASCII, which is what nearly every identifier is made of. */
const PLAIN = /^[ -~]*$/;

function folded(value: string): string {
  const text = value.length > MAX_TERM_CHARACTERS ? value.slice(0, MAX_TERM_CHARACTERS) : value;
  const lower = text.toLowerCase();
  return PLAIN.test(lower) ? lower : lower.toWellFormed().replaceAll('\0', '\ufffd');
}

/** As a tsquery has it. */
function quoted(label: TermLabel, value: string): string {
  return `'${label}=${folded(value).replaceAll(/['\\]/g, '$&$&')}'`;
}
