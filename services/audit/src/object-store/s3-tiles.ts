import { CHECKPOINT_PATH, type WrittenResource } from '@tollgate/transparency-log';
import { AuditError } from '../errors.ts';
import { inParallel } from '../tree/in-parallel.ts';
import type { TileStore } from '../tree/tile-store.ts';
import type { S3Bucket } from './s3-bucket.ts';

const FOLDER = 'log/';
const PARALLEL_WRITES = 16;

/**
 * Tiles as objects below `log/`, where any static server of the bucket can serve them. Full ones are locked; partial ones
 * and the checkpoint are not, since they give way to others.
 */
export function openS3Tiles(bucket: S3Bucket): TileStore {
  async function put({ path, bytes, full }: WrittenResource): Promise<void> {
    const key = `${FOLDER}${path}`;
    if (await bucket.create(key, bytes, full)) return;
    const there = await bucket.read(key);
    if (there?.equals(bytes) !== true) {
      throw new AuditError(
        'log_forked',
        `${path} of the log holds other bytes than the log: it was changed, or another log writes to this bucket`,
      );
    }
  }

  return {
    read: (path) => bucket.read(`${FOLDER}${path}`),
    async write(resources) {
      await inParallel(PARALLEL_WRITES, resources, put);
    },
    async writeCheckpoint(note) {
      await bucket.replace(`${FOLDER}${CHECKPOINT_PATH}`, Buffer.from(note));
    },
    async discardPartials(resources) {
      await inParallel(
        PARALLEL_WRITES,
        resources.filter(({ full }) => full),
        async ({ path }) => {
          const partials = await bucket.list(`${FOLDER}${path}.p/`);
          await bucket.remove(partials.map(({ key }) => key));
        },
      );
    },
  };
}
