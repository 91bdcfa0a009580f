import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseError } from './errors.ts';

/** A folder of numbered SQL files, applied in order of their numbers. */
export type MigrationSet = {
  /** What the set is called in `schema_migration`: the package or service that owns the files. */
  readonly name: string;
  /** Absolute path of the folder. */
  readonly folder: string;
};

export type MigrationFile = {
  readonly set: string;
  readonly number: number;
  readonly name: string;
  /** SHA-256 of the file's bytes, in hex. */
  readonly sha256: string;
  readonly sql: string;
};

const FILE_NAME = /^(\d{1,6})[-_]([a-z0-9][a-z0-9_-]*)\.sql$/;

/** The files of a set in order. Throws `migration_misnamed`; files that do not end in `.sql` are passed over. */
export async function readMigrations(set: MigrationSet): Promise<MigrationFile[]> {
  const names = (await readdir(set.folder)).filter((name) => name.endsWith('.sql'));
  const files = await Promise.all(names.map((name) => readMigration(set, name)));
  files.sort((a, b) => a.number - b.number);
  files.forEach((file, index) => {
    if (file.number === files[index - 1]?.number) {
      throw new DatabaseError('migration_misnamed', `${set.folder} holds two files of number ${file.number}`);
    }
  });
  return files;
}

/** One digest over sets and files: equal digests mean equal schemas. */
export async function migrationsDigest(sets: readonly MigrationSet[]): Promise<string> {
  const hash = createHash('sha256');
  for (const set of sets) {
    for (const file of await readMigrations(set)) {
      hash.update(`${file.set}/${file.number}/${file.name}/${file.sha256}\n`);
    }
  }
  return hash.digest('hex');
}

async function readMigration(set: MigrationSet, fileName: string): Promise<MigrationFile> {
  const match = FILE_NAME.exec(fileName);
  const [, number, name] = match ?? [];
  if (number === undefined || name === undefined) {
    throw new DatabaseError(
      'migration_misnamed',
      `${path.join(set.folder, fileName)}: name it <number>_<what_it_does>.sql, in lower case`,
    );
  }
  const bytes = await readFile(path.join(set.folder, fileName));
  return {
    set: set.name,
    number: Number(number),
    name,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    sql: bytes.toString('utf8'),
  };
}
