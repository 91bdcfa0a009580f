import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';

/** One text of a collection. */
export interface Sample {
  readonly text: string;
  readonly isInjection: boolean;
  /** The collection that it stands in. */
  readonly source: string;
  /** Kept apart from what the model is made from. */
  readonly heldOut: boolean;
}

/** The files of a folder that fit a pattern, always in the same order. */
export function files(folder: string, pattern: string): string[] {
  return globSync(pattern, { cwd: folder })
    .toSorted()
    .map((file) => join(folder, file));
}

export function readText(...path: readonly string[]): string {
  return readFileSync(join(...path), 'utf8');
}

export function readJson<T>(shape: z.ZodType<T>, ...path: readonly string[]): T {
  return shape.parse(JSON.parse(readText(...path)));
}

/** The lines of a file of JSON lines that have a shape; others are left out. */
export function jsonLines<T>(file: string, shape: z.ZodType<T>): T[] {
  return readText(file)
    .split('\n')
    .flatMap((line) => {
      try {
        return [shape.parse(JSON.parse(line))];
      } catch {
        return [];
      }
    });
}

/** The rows of a table with commas between its cells, by the names in its first row. */
export function tableRows(file: string): ReadonlyMap<string, string>[] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of readText(file).matchAll(
    /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g,
  )) {
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    if (end !== ',') rows.push([]);
  }
  const [names = [], ...others] = rows;
  return others.map((row) => new Map(names.map((name, index) => [name, row[index] ?? ''])));
}

/** In an order that looks random and is always the same. */
export function byHash<T>(all: readonly T[], textOf: (each: T) => string): T[] {
  const keyed = all.map((each) => ({ each, key: hash(textOf(each)) }));
  return keyed.sort((one, other) => one.key - other.key).map(({ each }) => each);
}

export function hash(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE();
}
