import { DatabaseError } from './errors.ts';

const PLAIN_IDENTIFIER = /^[a-z_][a-z0-9_]{0,62}$/;

/** A schema, role or database name of ours, quoted. Anything but lower-case letters, digits and `_` is refused. */
export function quoteIdentifier(name: string): string {
  if (!PLAIN_IDENTIFIER.test(name)) {
    throw new DatabaseError(
      'bad_argument',
      `"${name}" cannot be a schema, role or database name: use at most 63 lower-case letters, digits and underscores`,
    );
  }
  return `"${name}"`;
}

/** A text as an SQL literal, for the statements that take no parameters (CREATE ROLE and the like). */
export function quoteLiteral(text: string): string {
  const escaped = text.replaceAll("'", "''");
  return text.includes('\\') ? `E'${escaped.replaceAll('\\', '\\\\')}'` : `'${escaped}'`;
}
