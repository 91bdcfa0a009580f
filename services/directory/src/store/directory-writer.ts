import { enqueue } from '@tollgate/bus';
import { type Pool, type Transaction, transaction } from '@tollgate/database';
import type { DirectoryEntity } from '@tollgate/events';
import {
  type DirectoryView,
  HttpProblem,
  mintCredential,
  PROBLEMS,
  type Principal,
  type Reach,
  reaches,
} from '@tollgate/http';
import type { EntityKind, Values, WriteContext } from '../entities/entity-kind.ts';
import { notFound } from '../errors.ts';
import type { IdSource } from '../ids.ts';
import { notifyChange } from '../view/change-channel.ts';
import { type AdminAct, adminDraft, entityDraft, entityOf } from './drafts.ts';
import { assertVersion, placeOf, type Row } from './entity-table.ts';
import { asDeleteProblem, asWriteProblem } from './violations.ts';

/** Who changes something, and how far that may go. */
export type Caller = { readonly principal: Principal; readonly reach: Reach };

export type DirectoryWriterOptions = {
  readonly pool: Pool;
  readonly view: DirectoryView;
  readonly ids: IdSource;
  /** Milliseconds since 1970. */
  readonly now: () => number;
};

/** One change within a transaction: collects what is to be shown and told once it is committed. */
export type Change = WriteContext & {
  readonly at: string;
  create(kind: EntityKind, id: string, values: Values, action: string): Promise<Row>;
  update(kind: EntityKind, row: Row, values: Values, action: string, reason?: string): Promise<Row>;
  delete(kind: EntityKind, row: Row, action: string): Promise<void>;
  /** Tells a state that has not changed; says whether the row counts at all. */
  tellAgain(kind: EntityKind, row: Row): Promise<boolean>;
  /** Records an act that changes no entity, such as a refusal. */
  record(act: AdminAct): Promise<void>;
};

/**
 * The one place where the directory changes. Each change is one transaction with the row, the entity's event, the
 * admin event and the notice to other replicas; after its commit the view of this process is moved on.
 */
export class DirectoryWriter {
  readonly #options: DirectoryWriterOptions;

  constructor(options: DirectoryWriterOptions) {
    this.#options = options;
  }

  /** @returns the row and, where the kind has one, the secret: the only time that it is known */
  async create(caller: Caller, kind: EntityKind, body: Values): Promise<{ row: Row; secret: string | null }> {
    const credential = kind.secret === undefined ? null : mintCredential(kind.secret);
    const id = this.newId(kind);
    const row = await this.change(caller.principal, async (change) => {
      const given = credential === null ? body : { ...body, sha256: credential.sha256 };
      const values = (await kind.beforeCreate?.(given, change, id)) ?? given;
      assertReach(kind, caller.reach, { ...values, id: null });
      return change.create(kind, id, values, `${kind.kind}.create`);
    });
    return { row, secret: credential?.secret ?? null };
  }

  /** @throws HttpProblem 404, 409 `version_conflict`, and what the kind itself refuses */
  async update(
    caller: Caller,
    kind: EntityKind,
    id: string,
    body: Values & { version: number },
  ): Promise<Row> {
    const { version, ...values } = body;
    return this.change(caller.principal, async (change) => {
      const row = await this.#lockReached(change.tx, caller.reach, kind, id);
      assertVersion(row, version);
      await kind.beforeChange?.(row, values, change);
      return change.update(kind, row, values, `${kind.kind}.update`);
    });
  }

  /** Deletes, with what stands or falls with it. */
  async delete(caller: Caller, kind: EntityKind, id: string, version: number | undefined): Promise<void> {
    await this.change(caller.principal, async (change) => {
      const row = await this.#lockReached(change.tx, caller.reach, kind, id);
      assertVersion(row, version);
      await kind.beforeDelete?.(row, change);
      for (const dependant of (await kind.dependants?.(row, change)) ?? []) {
        const below = await dependant.kind.store.lock(change.tx, dependant.id);
        if (below !== undefined) await change.delete(dependant.kind, below, `${dependant.kind.kind}.delete`);
      }
      await change.delete(kind, row, `${kind.kind}.delete`);
    });
  }

  /**
   * Tells every entity's state once more, unchanged: for a directory topic that was lost, or made anew.
   *
   * @returns how many entities were told
   */
  async tellAgain(actor: Principal | 'system', kinds: readonly EntityKind[]): Promise<number> {
    return this.change(actor, async (change) => {
      let told = 0;
      for (const kind of kinds) {
        for (const row of await kind.store.all(change.tx))
          told += (await change.tellAgain(kind, row)) ? 1 : 0;
      }
      await change.record({
        action: 'directory.tell-again',
        target: 'directory',
        organisationId: null,
        details: { entities: told },
      });
      return told;
    });
  }

  newId(kind: EntityKind): string {
    return this.#options.ids.entity(kind.idPrefix);
  }

  /** Runs a change in its transaction, and shows its effects in the view after the commit. */
  async change<T>(actor: Principal | 'system', work: (change: Change) => Promise<T>): Promise<T> {
    const { pool, view, now } = this.#options;
    const effects: DirectoryEntity[] = [];
    const result = await transaction(pool, (tx) => work(this.#changeOn(tx, actor, now(), effects)));
    for (const entity of effects) view.applyEntity(entity);
    return result;
  }

  #changeOn(tx: Transaction, actor: Principal | 'system', nowMs: number, effects: DirectoryEntity[]): Change {
    const { ids } = this.#options;
    const at = new Date(nowMs).toISOString();
    const record = async (act: AdminAct) => {
      await enqueue(tx, [{ draft: adminDraft(ids.uuid(), at, actor, act), key: act.target }]);
    };
    const tell = async (kind: EntityKind, row: Row, deleted: boolean) => {
      const entity = entityOf(kind, row, deleted);
      effects.push(entity);
      await enqueue(tx, [{ draft: entityDraft(ids.uuid(), at, entity), key: `${kind.kind}/${row.id}` }]);
      await notifyChange(tx, entity);
    };
    const context = { tx, nowMs, at, actor };
    return {
      ...context,
      record,
      async create(kind, id, values, action) {
        await asWrite(async () => {
          await kind.store.insert(tx, id, values, at);
          await kind.afterWrite?.(id, values, context);
        });
        const row = await mustGet(tx, kind, id);
        if (kind.counts?.(row) ?? true) await tell(kind, row, false);
        await record({ ...actOn(kind, row, action), details: { after: withoutSecret(kind, row) } });
        return row;
      },
      async update(kind, before, values, action, reason) {
        await asWrite(async () => {
          await kind.store.update(tx, before.id, values, at);
          await kind.afterWrite?.(before.id, values, context);
        });
        const row = await mustGet(tx, kind, before.id);
        if (kind.counts?.(row) ?? true) await tell(kind, row, false);
        const details = { before: withoutSecret(kind, before), after: withoutSecret(kind, row) };
        await record({ ...actOn(kind, row, action), details, ...(reason === undefined ? {} : { reason }) });
        return row;
      },
      async tellAgain(kind, row) {
        const counts = kind.counts?.(row) ?? true;
        if (counts) await tell(kind, row, false);
        return counts;
      },
      async delete(kind, row, action) {
        try {
          await kind.store.delete(tx, row.id);
        } catch (error) {
          throw asDeleteProblem(error);
        }
        if (kind.counts?.(row) ?? true) await tell(kind, { ...row, version: row.version + 1 }, true);
        await record({ ...actOn(kind, row, action), details: { before: withoutSecret(kind, row) } });
      },
    };
  }

  async #lockReached(tx: Transaction, reach: Reach, kind: EntityKind, id: string): Promise<Row> {
    const row = await kind.store.lock(tx, id);
    const place = row === undefined ? undefined : placeOf(kind.store.table, row);
    if (row === undefined || place === undefined || !reaches(reach, place.organisationId, place.teamId)) {
      throw notFound(kind.noun);
    }
    return row;
  }
}

/** @throws HttpProblem 403 `out_of_reach` */
export function assertReach(kind: EntityKind, reach: Reach, values: Values): void {
  const { organisationId, teamId } = placeOf(kind.store.table, values);
  if (reaches(reach, organisationId, teamId)) return;
  throw new HttpProblem(
    PROBLEMS.outOfReach,
    `the token does not reach far enough for this ${kind.noun}: ${
      reach.teamIds === null ? 'it is limited to its organisation' : 'it is limited to its team'
    }`,
  );
}

async function mustGet(tx: Transaction, kind: EntityKind, id: string): Promise<Row> {
  const row = await kind.store.get(tx, id);
  if (row === undefined) throw new Error(`${kind.kind} ${id} is not there right after it was written`);
  return row;
}

async function asWrite(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    throw asWriteProblem(error);
  }
}

function actOn(kind: EntityKind, row: Row, action: string): AdminAct {
  return {
    action,
    target: `${kind.kind}/${row.id}`,
    organisationId: placeOf(kind.store.table, row).organisationId,
    details: {},
  };
}

function withoutSecret(kind: EntityKind, row: Row): Record<string, unknown> {
  const members = Object.keys(kind.shown.shape).filter(
    (member) => member !== 'created_at' && member !== 'updated_at',
  );
  return Object.fromEntries(members.map((member) => [member, row[member] ?? null]));
}
