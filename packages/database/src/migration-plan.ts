import { DatabaseError } from './errors.ts';
import type { MigrationFile } from './migration-files.ts';

/** A row of `schema_migration`. */
export type AppliedMigration = {
  readonly set: string;
  readonly number: number;
  readonly name: string;
  readonly sha256: string;
};

/**
 * Which files of one set are still to be applied, given what was. Throws `migration_changed` where an applied file's
 * bytes differ, `migration_out_of_order` where a new file is numbered at or below an applied one, and
 * `migrated_by_newer_release` where something was applied that is in no file.
 */
export function pendingMigrations(
  files: readonly MigrationFile[],
  applied: readonly AppliedMigration[],
): MigrationFile[] {
  const appliedByNumber = new Map(applied.map((row) => [row.number, row]));
  const fileNumbers = new Set(files.map((file) => file.number));
  const unknown = applied.find((row) => !fileNumbers.has(row.number));
  if (unknown !== undefined) {
    throw new DatabaseError(
      'migrated_by_newer_release',
      `the database holds migration ${label(unknown)}, which this release does not have: run the release that applied it`,
    );
  }
  const last = Math.max(0, ...appliedByNumber.keys());
  return files.filter((file) => {
    const before = appliedByNumber.get(file.number);
    if (before === undefined && file.number <= last) {
      throw new DatabaseError(
        'migration_out_of_order',
        `migration ${label(file)} comes before ${last}, which is already applied: give it a higher number`,
      );
    }
    if (before !== undefined && (before.sha256 !== file.sha256 || before.name !== file.name)) {
      throw new DatabaseError(
        'migration_changed',
        `migration ${label(file)} was changed after it had been applied: restore it and put the change into a new file`,
      );
    }
    return before === undefined;
  });
}

function label(migration: AppliedMigration | MigrationFile): string {
  return `${migration.set}/${String(migration.number).padStart(4, '0')}_${migration.name}`;
}
