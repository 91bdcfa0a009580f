import type { CallEnvironment } from './environment.ts';

type Room = Pick<CallEnvironment, 'spool' | 'running'>;

/** Room that a request is admitted with: its three events, whatever strings they hold. */
const ROOM_PER_REQUEST_BYTES = 24 * 1024;

/** Room kept for the usage event of each call in flight. */
const ROOM_PER_CALL_BYTES = 6 * 1024;

/** Whether the spool has room for another request besides the usage events of the calls in flight. */
export function roomForAnotherRequest({ spool, running }: Room): boolean {
  return spool.hasRoom(ROOM_PER_REQUEST_BYTES + running.size * ROOM_PER_CALL_BYTES);
}

/** Whether the spool has room for one more usage event than it keeps for the calls in flight. */
export function roomForAnotherAttempt({ spool, running }: Room): boolean {
  return spool.hasRoom((1 + running.size) * ROOM_PER_CALL_BYTES);
}
