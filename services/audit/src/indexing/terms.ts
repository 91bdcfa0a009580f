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
  readonly lexemes = new Set<string>();

  /** Takes an identifier; anything else than a text that says something is passed over. */
  add(label: TermLabel, value: unknown): void {
    if (typeof value === 'string' && value !== '' && this.lexemes.size < MAX_TERMS) {
      this.lexemes.add(lexeme(label, value));
    }
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

function lexeme(label: TermLabel, value: string): string {
  const text = value.length > MAX_TERM_CHARACTERS ? value.slice(0, MAX_TERM_CHARACTERS) : value;
  const folded = text.toLowerCase();
  return `${label}=${PLAIN.test(folded) ? folded : folded.toWellFormed().replaceAll('\0', '\ufffd')}`;
}

/** As a tsquery has it. */
function quoted(label: TermLabel, value: string): string {
  return `'${lexeme(label, value).replaceAll(/['\\]/g, '$&$&')}'`;
}
