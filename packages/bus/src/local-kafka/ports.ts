import { freePort } from '@tollgate/database/embedded';

/** Loopback ports that nobody listens on just now. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
