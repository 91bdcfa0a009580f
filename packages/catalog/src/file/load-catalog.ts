import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Catalog } from '../catalog.ts';
import { CatalogError } from '../errors.ts';
import { type CatalogLayer, readCatalogLayer } from './read-catalog-file.ts';

const SEED_FILE = fileURLToPath(new URL('../../data/catalogue.yaml', import.meta.url));

let seed: CatalogLayer | null = null;

/** What comes with the program; read once. */
export function seedLayer(): CatalogLayer {
  seed ??= readCatalogLayer(readFileSync(SEED_FILE, 'utf8'), SEED_FILE, []);
  return seed;
}

/** The catalogue that comes with the program, alone. */
export function seedCatalog(): Catalog {
  return new Catalog([seedLayer()]);
}

/**
 * The catalogue that comes with the program, with a file over it.
 *
 * @param file `null`: none
 * @throws CatalogError `catalogue_unreadable`, or `catalogue_invalid` with every problem and its place
 */
export async function loadCatalog(file: string | null): Promise<Catalog> {
  if (file === null) return seedCatalog();
  return catalogOver(await readText(file), file);
}

/** The catalogue that comes with the program, with the text of a file over it. */
export function catalogOver(text: string, file: string): Catalog {
  const below = seedLayer();
  return new Catalog([readCatalogLayer(text, file, [below]), below]);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new CatalogError('catalogue_unreadable', `${file}: Can't read the catalogue file (${reason}).`);
  }
}
