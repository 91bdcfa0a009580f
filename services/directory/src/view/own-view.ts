import { listen, type Pool } from '@tollgate/database';
import type { DirectoryEntity } from '@tollgate/events';
import { DirectoryView } from '@tollgate/http';
import type { Logger } from '@tollgate/telemetry';
import { ENTITY_KINDS } from '../entities/index.ts';
import { entityOf } from '../store/drafts.ts';
import { CHANGE_CHANNEL, type ChangeNotice, readNotice } from './change-channel.ts';

export type OwnViewOptions = {
  readonly pool: Pool;
  /** The database's URL for the connection that listens. */
  readonly url: string;
  readonly logger: Logger;
};

/** The directory's state in this process, from the database itself rather than from the bus. */
export type OwnView = {
  readonly view: DirectoryView;
  /** Why the state may lag behind the database, or null. */
  trouble(): string | null;
  stop(): Promise<void>;
};

const RETRY_MS = 1_000;

/**
 * Loads the state, then follows what other replicas change. A process's own changes are applied by whoever makes
 * them, so that the next request sees them; their notices find nothing left to do.
 */
export async function startOwnView(options: OwnViewOptions): Promise<OwnView> {
  const { pool, logger } = options;
  const view = new DirectoryView();
  await load(pool, view);

  let trouble: string | null = null;
  let stopped = false;
  let retry: NodeJS.Timeout | undefined;
  let work: Promise<void> = Promise.resolve();
  const reload = () => {
    work = work.then(async () => {
      if (stopped) return;
      try {
        await load(pool, view);
        trouble = null;
      } catch (error) {
        trouble = 'the state can not be read from the database';
        logger.warn({ err: error }, 'reading the directory failed; will try again');
        retry = setTimeout(reload, RETRY_MS);
      }
    });
  };
  const take = (notice: ChangeNotice) => {
    work = work.then(async () => {
      if (stopped) return;
      try {
        await refresh(pool, view, notice);
      } catch (error) {
        logger.warn({ err: error }, 'reading a change failed; reading everything anew');
        reload();
      }
    });
  };
  const listener = listen({
    url: options.url,
    applicationName: 'tollgate-directory-listen',
    channel: CHANGE_CHANNEL,
    logger,
    onNotify(payload) {
      const notice = payload === undefined ? undefined : readNotice(payload);
      if (payload === undefined) reload();
      else if (notice !== undefined) take(notice);
    },
  });
  return {
    view,
    trouble: () => trouble,
    async stop() {
      stopped = true;
      clearTimeout(retry);
      await listener.close();
      await work;
    },
  };
}

async function load(pool: Pool, view: DirectoryView): Promise<void> {
  // What is known before the reading and not found by it has been deleted.
  const known = ENTITY_KINDS.flatMap((kind): DirectoryEntity[] => view.entities(kind.kind));
  const found = new Set<string>();
  for (const kind of ENTITY_KINDS) {
    for (const row of await kind.store.all(pool)) {
      if (!(kind.counts?.(row) ?? true)) continue;
      found.add(`${kind.kind}/${row.id}`);
      view.applyEntity(entityOf(kind, row, false));
    }
  }
  for (const entity of known) {
    if (!found.has(`${entity.kind}/${entity.id}`)) bury(view, entity, entity.version + 1);
  }
}

async function refresh(pool: Pool, view: DirectoryView, notice: ChangeNotice): Promise<void> {
  const { kind, id, version, deleted } = notice;
  const known: DirectoryEntity | undefined = view.entity(kind.kind, id);
  if (known !== undefined && known.version >= version) return;
  if (deleted) {
    if (known !== undefined) bury(view, known, version);
    return;
  }
  const row = await kind.store.get(pool, id);
  // No row: deleted since, and the notice of that is on its way.
  if (row !== undefined) view.applyEntity(entityOf(kind, row, false));
}

function bury(view: DirectoryView, entity: DirectoryEntity, version: number): void {
  view.applyEntity({ ...entity, version, deleted: true });
}
