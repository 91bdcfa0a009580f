import { randomBytes } from 'node:crypto';
import { enqueue } from '@tollgate/bus';
import { type Pool, type Transaction, transaction } from '@tollgate/database';
import { uuidV7 } from '@tollgate/events';
import {
  type DirectoryView,
  HttpProblem,
  PROBLEMS,
  type Principal,
  type Reach,
  reaches,
} from '@tollgate/http';
import { LimitError, limitOf, scopeText } from '@tollgate/limits';
import { BUDGETS_PROBLEMS, refuseField } from '../problems.ts';
import { lockLimits } from './limit-book.ts';
import { type LimitAct, limitEvents } from './limit-events.ts';
import { entriesOf, type LimitDraft, type LimitEdit, scopeOf } from './limit-schema.ts';
import { teamOfScope } from './place.ts';
import { LIMIT_COLUMNS, type LimitRow, type StoredLimit, storedLimit } from './stored-limit.ts';

/** Who changes something, and how far that may go. */
export type Caller = { readonly principal: Principal; readonly reach: Reach };

export type LimitWriterOptions = {
  readonly pool: Pool;
  readonly view: DirectoryView;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly random?: (bytes: number) => Buffer;
};

const UUID_BYTES = 16;

const INSERT = `
  INSERT INTO budget_limit (limit_id, version, organisation_id, team_id, scope, scope_text, unit, window_kind, time_zone,
    amount, currency, strict, created_at, created_by, updated_at, updated_by, change)
  VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $12, $13,
    (SELECT coalesce(max(change), 0) + 1 FROM budget_limit))
  ON CONFLICT DO NOTHING RETURNING ${LIMIT_COLUMNS}`;

const UPDATE = `
  UPDATE budget_limit SET version = version + 1, amount = $2, strict = $3, updated_at = $4, updated_by = $5,
    deleted_at = $6, change = (SELECT max(change) + 1 FROM budget_limit)
  WHERE limit_id = $1 RETURNING ${LIMIT_COLUMNS}`;

/** What was used stays; only how much there is changes, from now on. */
const MOVE_WINDOWS = `UPDATE budget_window SET amount = $2 WHERE limit_id = $1 AND ends_at > $3`;

/**
 * The one place where limits change: each change is one transaction with the limit's row, the amounts of the windows
 * that have not ended, the limit's event and the admin event. It waits for leases and confirmations under way, so that
 * what is requested after a limit was made finds it.
 */
export class LimitWriter {
  readonly #options: LimitWriterOptions;

  constructor(options: LimitWriterOptions) {
    this.#options = options;
  }

  /** @throws HttpProblem 403, 409 `limit_exists`, 422 `unknown_reference` and `limit_invalid` */
  async create({ principal, reach }: Caller, draft: LimitDraft): Promise<StoredLimit> {
    const { view } = this.#options;
    const organisation = view.entity('organisation', draft.organisation_id);
    if (organisation === undefined) {
      throw refuseField(
        BUDGETS_PROBLEMS.unknownReference,
        'organisation_id',
        'there is no such organisation; if it is new, try again in a moment',
      );
    }
    const scope = scopeOf(draft.scope);
    const teamId = teamOfScope(view, organisation.id, scope);
    if (!reaches(reach, organisation.id, teamId)) {
      throw new HttpProblem(PROBLEMS.outOfReach, 'the token does not reach what the limit would apply to');
    }
    const timeZone = draft.time_zone ?? organisation.billing_time_zone;
    const currency = draft.currency ?? (draft.unit === 'money' ? organisation.currency : null);
    checked(() =>
      limitOf({
        limit_id: 'new',
        version: 1,
        deleted: false,
        organisation_id: organisation.id,
        scope: entriesOf(draft.scope),
        unit: draft.unit,
        window: draft.window,
        time_zone: timeZone,
        amount: draft.amount,
        currency,
        strict: draft.strict,
      }),
    );
    return this.#change(principal, 'create', async (tx, nowMs) => {
      const { rows } = await tx.query<LimitRow>(INSERT, [
        `limit_${this.#newId(nowMs).replaceAll('-', '')}`,
        organisation.id,
        teamId,
        entriesOf(draft.scope),
        scopeText(scope),
        draft.unit,
        draft.window,
        timeZone,
        draft.amount,
        currency,
        draft.strict,
        new Date(nowMs).toISOString(),
        `${principal.type}/${principal.id}`,
      ]);
      const [row] = rows;
      if (row === undefined) {
        throw new HttpProblem(
          BUDGETS_PROBLEMS.limitExists,
          'the organisation has a limit of this scope, unit and window: change that one',
        );
      }
      return { before: null, after: storedLimit(row) };
    });
  }

  /** @throws HttpProblem 404, 409 `version_conflict`, 422 `limit_invalid` */
  async update(caller: Caller, limitId: string, edit: LimitEdit): Promise<StoredLimit> {
    return this.#change(caller.principal, 'update', async (tx, nowMs) => {
      const { row, limit } = await lockReached(tx, caller.reach, limitId, edit.version);
      const amount = edit.amount ?? row.amount;
      checked(() => limitOf({ ...dataOf(row), amount }));
      const after = await this.#update(tx, row, caller.principal, nowMs, {
        amount,
        strict: edit.strict ?? row.strict,
        deleted: false,
      });
      await tx.query(MOVE_WINDOWS, [limitId, String(after.amount), new Date(nowMs).toISOString()]);
      return { before: limit, after };
    });
  }

  /** @throws HttpProblem 404, 409 `version_conflict` */
  async delete(caller: Caller, limitId: string, version: number | undefined): Promise<void> {
    await this.#change(caller.principal, 'delete', async (tx, nowMs) => {
      const { row, limit } = await lockReached(tx, caller.reach, limitId, version);
      const { amount, strict } = row;
      const after = await this.#update(tx, row, caller.principal, nowMs, { amount, strict, deleted: true });
      return { before: limit, after };
    });
  }

  async #update(
    tx: Transaction,
    row: LimitRow,
    principal: Principal,
    nowMs: number,
    to: { readonly amount: string; readonly strict: boolean; readonly deleted: boolean },
  ): Promise<StoredLimit> {
    const at = new Date(nowMs).toISOString();
    const { rows } = await tx.query<LimitRow>(UPDATE, [
      row.limit_id,
      to.amount,
      to.strict,
      at,
      `${principal.type}/${principal.id}`,
      to.deleted ? at : null,
    ]);
    const [updated] = rows;
    if (updated === undefined) throw notFound();
    return storedLimit(updated);
  }

  async #change(
    principal: Principal,
    verb: LimitAct['verb'],
    work: (
      tx: Transaction,
      nowMs: number,
    ) => Promise<{ readonly before: StoredLimit | null; readonly after: StoredLimit }>,
  ): Promise<StoredLimit> {
    return transaction(this.#options.pool, async (tx) => {
      await lockLimits(tx);
      // Read under the lock: whatever was counted without this change was requested before it.
      const nowMs = this.#options.now();
      const { before, after } = await work(tx, nowMs);
      await enqueue(
        tx,
        limitEvents(after, before, { verb, principal, nowMs, newId: () => this.#newId(nowMs) }),
      );
      return after;
    });
  }

  #newId(nowMs: number): string {
    return uuidV7(nowMs, (this.#options.random ?? randomBytes)(UUID_BYTES));
  }
}

async function lockReached(
  tx: Transaction,
  reach: Reach,
  limitId: string,
  version: number | undefined,
): Promise<{ readonly row: LimitRow; readonly limit: StoredLimit }> {
  const { rows } = await tx.query<LimitRow>(
    `SELECT ${LIMIT_COLUMNS} FROM budget_limit WHERE limit_id = $1 AND deleted_at IS NULL FOR UPDATE`,
    [limitId],
  );
  const [row] = rows;
  if (row === undefined || !reaches(reach, row.organisation_id, row.team_id)) throw notFound();
  if (version !== undefined && version !== row.version) {
    throw new HttpProblem(
      PROBLEMS.versionConflict,
      `the limit is at version ${row.version}: read it again and decide anew`,
    );
  }
  return { row, limit: storedLimit(row) };
}

function dataOf(row: LimitRow) {
  const { window_kind: window, deleted_at: deletedAt, ...rest } = row;
  return { ...rest, window, deleted: deletedAt !== null };
}

/** 404 for what is not there and for what the token does not reach, alike. */
export function notFound(): HttpProblem {
  return new HttpProblem(PROBLEMS.notFound, "there is no such limit within the token's reach");
}

function checked(check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof LimitError)) throw error;
    throw new HttpProblem(BUDGETS_PROBLEMS.limitInvalid, error.message, { cause: error });
  }
}
