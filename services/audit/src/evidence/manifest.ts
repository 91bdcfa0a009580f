import { sha256 } from '../log/leaf.ts';
import { MANIFEST_HEADER } from './layout.ts';

/** The SHA-256 of each file, in their order, as `sha256sum --check` reads them behind the first line. */
export class Manifest {
  readonly #lines: string[] = [];

  add(name: string, bytes: Buffer): void {
    this.#lines.push(`${sha256(bytes).toString('hex')}  ${name}\n`);
  }

  get text(): string {
    return `${MANIFEST_HEADER}\n${this.#lines.join('')}`;
  }
}
