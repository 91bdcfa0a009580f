import type { Bus, Follower } from '@tollgate/bus';
import { DirectoryView } from './directory-view.ts';

export type FollowedDirectory = {
  readonly view: DirectoryView;
  readonly follower: Follower;
  /** For `/readyz`: why the directory's state is not to be trusted just now, or null. */
  readonly check: () => string | null;
  stop(): Promise<void>;
};

export type FollowDirectoryOptions = {
  readonly bus: Bus;
  readonly snapshotFile?: string;
  /** A view to fill; a new one unless given. */
  readonly view?: DirectoryView;
  /** Without a heartbeat for so long, the state counts as stale; 10 s unless given. */
  readonly maxHeartbeatAgeMs?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
};

export const DEFAULT_MAX_HEARTBEAT_AGE_MS = 10_000;

/** The directory's state, kept current from its topic. Await `follower.ready` before trusting it. */
export async function followDirectory(options: FollowDirectoryOptions): Promise<FollowedDirectory> {
  const { bus, view = new DirectoryView(), now = Date.now } = options;
  const maxAgeMs = options.maxHeartbeatAgeMs ?? DEFAULT_MAX_HEARTBEAT_AGE_MS;
  const follower = await bus.follow({
    topic: 'directory',
    apply: (message) => view.apply(message),
    ...(options.snapshotFile === undefined ? {} : { snapshotFile: options.snapshotFile }),
  });
  return {
    view,
    follower,
    stop: () => follower.stop(),
    check() {
      const ageMs = view.heartbeatAgeMs(now());
      return (
        view.trouble() ??
        follower.trouble() ??
        (ageMs <= maxAgeMs ? null : `no heartbeat from the directory for more than ${maxAgeMs} ms`)
      );
    },
  };
}
