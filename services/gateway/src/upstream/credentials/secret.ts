import { readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { ConfigError, type Environment } from '@tollgate/http';

/** Characters that a header may carry; a line break would end it. */
const HEADER_SAFE = /^[\x21-\x7e]+$/;

/** Secrets that were in use before, which answers may still show. */
const MAX_FORMER = 4;

/**
 * A secret that the policy file names: from a variable, or from the file that `<variable>_FILE` names, which may be
 * replaced while the gateway runs. `<variable>_ISSUED_AT` (an ISO 8601 date) says how old it is; else a file's own age does,
 * and of a variable nothing is known.
 */
export class Secret {
  readonly variable: string;
  /** Null where it is in the variable itself. */
  readonly file: string | null;
  #value: string;
  #issuedAtMs: number | null;
  /** What the last look found and the one before did not. */
  #candidate: string | null = null;
  #former: readonly string[] = [];
  #trouble: string | null = null;
  readonly #replaced: () => void;

  /**
   * @param owner who needs it, such as `target one`
   * @param replaced called whenever another one was taken up
   * @throws ConfigError which names the variable and the owner and never the value
   */
  constructor(env: Environment, variable: string, owner: string, replaced: () => void = () => {}) {
    this.#replaced = replaced;
    this.variable = variable;
    const direct = env[variable];
    const isDirect = direct !== undefined && direct !== '';
    const file = env[`${variable}_FILE`];
    this.file = isDirect || file === undefined || file === '' ? null : file;
    const text = isDirect ? direct : fromFile(this.file, variable, owner);
    this.#value = text.trim();
    if (!HEADER_SAFE.test(this.#value)) {
      throw new ConfigError(variable, `is the credential of ${owner}, but not visible ASCII`);
    }
    this.#issuedAtMs = statedInstant(env, variable);
  }

  get value(): string {
    return this.#value;
  }

  /** When it was issued, in milliseconds since 1970; null where nothing says so. */
  get issuedAtMs(): number | null {
    return this.#issuedAtMs;
  }

  /** Why the file can't be taken up; null where it was read. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** This one, and those before it. */
  all(): readonly string[] {
    return [this.#value, ...this.#former];
  }

  /**
   * Looks at the file again; whether the secret has changed by that. What is new is taken up when it is there at two looks
   * one after the other, lest it be half-written, or at once where the old one is refused anyway.
   */
  async look(atOnce: boolean): Promise<boolean> {
    if (this.file === null) return false;
    let found: string;
    let modifiedMs: number;
    try {
      const [text, { mtimeMs }] = await Promise.all([readFile(this.file, 'utf8'), stat(this.file)]);
      found = text.trim();
      modifiedMs = mtimeMs;
    } catch (error) {
      return this.#keep(`can't be read (${codeOf(error)})`);
    }
    if (!HEADER_SAFE.test(found)) return this.#keep('holds no credential of visible ASCII');
    this.#trouble = null;
    if (found === this.#value) {
      this.#candidate = null;
      this.#issuedAtMs ??= modifiedMs;
      return false;
    }
    if (!atOnce && found !== this.#candidate) {
      this.#candidate = found;
      return false;
    }
    this.#former = [this.#value, ...this.#former].slice(0, MAX_FORMER);
    this.#value = found;
    this.#issuedAtMs = modifiedMs;
    this.#candidate = null;
    this.#replaced();
    return true;
  }

  #keep(why: string): false {
    this.#candidate = null;
    this.#trouble = `${this.variable}_FILE ${why}: the credential before it stays in use`;
    return false;
  }
}

function fromFile(file: string | null, variable: string, owner: string): string {
  if (file === null) {
    throw new ConfigError(variable, `is not set, and ${owner} needs it (or ${variable}_FILE)`);
  }
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new ConfigError(`${variable}_FILE`, `can't be read, and ${owner} needs its credential`);
  }
}

function statedInstant(env: Environment, variable: string): number | null {
  const name = `${variable}_ISSUED_AT`;
  const text = env[name];
  if (text === undefined || text === '') return null;
  const instant = Date.parse(text);
  if (Number.isNaN(instant)) throw new ConfigError(name, 'must be a date such as 2026-03-01');
  return instant;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
