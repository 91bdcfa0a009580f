import { sha256 } from '../log/leaf.ts';
import { MANIFEST_HEADER } from './layout.ts';

/** The SHA-256 of each file, in their order, as `sha256sum --check` reads them behind the first line. */
export class Manifest {
  readonly #lines: string[] = [];

  add(name: string, bytes: Buffer): void {
    this.#lines.push(`${sha256(bytes).toString('hex')}  ${name}\n`);
  }

  /** The name of the first file here that another manifest has no such line for; null where it has all. */
  differing(other: string): string | null {
    const lines = new Set(other.split(/(?<=\n)/));
    const line = this.#lines.find((one) => !lines.has(one));
    return line?.trimEnd().split('  ')[1] ?? null;
  }

  get text(): string {
    return `${MANIFEST_HEADER}\n${this.#lines.join('')}`;
  }
}
