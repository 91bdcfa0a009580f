import { openFileSegments } from '../archive/file-segments.ts';
import type { SegmentStore } from '../archive/segment-store.ts';
import { openFileTiles } from '../tree/file-tiles.ts';
import type { TileStore } from '../tree/tile-store.ts';
import type { S3Place } from './s3-bucket.ts';

/** Archive and log, wherever they are kept. The caller closes `store`. */
export interface Stores {
  readonly store: SegmentStore;
  readonly tiles: TileStore;
}

/**
 * The stores of the configuration: folders, or a bucket.
 * @throws AuditError `object_store` where the bucket can't be used
 */
export async function openStores(config: {
  readonly archiveFolder: string;
  readonly logFolder: string;
  readonly objectStore: S3Place | null;
}): Promise<Stores> {
  if (config.objectStore !== null) {
    // Loaded where it is needed only: the client is large.
    const [{ S3Bucket }, { openS3Segments }, { openS3Tiles }] = await Promise.all([
      import('./s3-bucket.ts'),
      import('./s3-segments.ts'),
      import('./s3-tiles.ts'),
    ]);
    const bucket = new S3Bucket(config.objectStore);
    await bucket.check();
    return { store: openS3Segments(bucket), tiles: openS3Tiles(bucket) };
  }
  const store = await openFileSegments(config.archiveFolder);
  try {
    return { store, tiles: await openFileTiles(config.logFolder) };
  } catch (error) {
    await store.close();
    throw error;
  }
}
