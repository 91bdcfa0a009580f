import { startEmbeddedPostgres } from '@tollgate/database/embedded';
import { startedOnce } from './started-once.ts';

export type SharedPostgres = {
  /** Of the maintenance database, as superuser. */
  readonly url: string;
};

/**
 * The one Postgres of the test run. It does not sync to disk, so it survives kill -9 but no power failure; a test that
 * stops or kills the server starts one of its own with `startEmbeddedPostgres`.
 */
export function postgresForTests(): Promise<SharedPostgres> {
  return startedOnce({
    name: 'postgres',
    async start({ folder, endAtTeardown }) {
      const server = await startEmbeddedPostgres({
        dataFolder: folder,
        settings: { fsync: false, full_page_writes: false, shared_buffers: '128MB', max_connections: 300 },
      });
      await endAtTeardown({ kind: 'process', process: server.process, signal: 'SIGINT' });
      return { url: server.url };
    },
    parse(value) {
      const url: unknown =
        typeof value === 'object' && value !== null ? Reflect.get(value, 'url') : undefined;
      if (typeof url !== 'string') throw new TypeError('no URL');
      return { url };
    },
  });
}
