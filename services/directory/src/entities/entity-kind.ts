import type { Transaction } from '@tollgate/database';
import type { DirectoryKind } from '@tollgate/events';
import type { Principal, Scope } from '@tollgate/http';
import type { z } from 'zod';
import type { EntityStore, Row } from '../store/entity-table.ts';

export type Values = Readonly<Record<string, unknown>>;

/** What the checks before a write can use. */
export type WriteContext = {
  readonly tx: Transaction;
  readonly nowMs: number;
  readonly actor: Principal | 'system';
};

/** Everything that is particular to one kind of entity; the rest (`crud-routes`, `directory-writer`) is the same for all. */
export type EntityKind = {
  readonly kind: DirectoryKind;
  /** In words, for messages. */
  readonly noun: string;
  /** Below `/v1/`. */
  readonly path: string;
  /** For operation ids and schema names, such as `ApiKey`; plural by an `s`. */
  readonly title: string;
  readonly idPrefix: string;
  readonly store: EntityStore;
  /** Members of the published entity, besides kind, id, version and deleted: columns of the row. */
  readonly members: readonly string[];
  readonly readScope: Scope;
  readonly writeScope: Scope;
  /** What the API shows. */
  readonly shown: z.ZodObject;
  /** Body of a creation; null where creating is a route of its own. */
  readonly creation: z.ZodObject | null;
  /** Body of a change besides `version`; null where nothing can be changed. */
  readonly change: z.ZodObject | null;
  /** Members that a list can be narrowed by. */
  readonly filters: readonly (
    | 'organisation_id'
    | 'team_id'
    | 'project_id'
    | 'principal_id'
    | 'group_id'
    | 'name'
  )[];
  /** A credential is minted at creation and shown once. */
  readonly secret?: 'key' | 'token';
  /** Completes and checks what is about to be inserted. */
  readonly beforeCreate?: (values: Values, context: WriteContext, id: string) => Promise<Values> | Values;
  /** Checks what is about to be changed. */
  readonly beforeChange?: (row: Row, values: Values, context: WriteContext) => Promise<void> | void;
  /** Checks whether a row may be deleted. */
  readonly beforeDelete?: (row: Row, context: WriteContext) => Promise<void>;
  /** Writes what is not a column of the row. */
  readonly afterWrite?: (id: string, values: Values, context: WriteContext) => Promise<void>;
  /** What has to be deleted along with a row, and before it. */
  readonly dependants?: (row: Row, context: WriteContext) => Promise<{ kind: EntityKind; id: string }[]>;
  /** Whether the row counts yet; one that does not is in no message. Always, unless given. */
  readonly counts?: (row: Row) => boolean;
};
