import type { Statements } from './log.ts';

/**
 * One connection of ours and what is bound to it: advisory locks, which end with it. `ended` tells that it is gone,
 * and with it every claim.
 */
export class LogSession {
  /** Of the connection, at the server. */
  readonly pid: number;
  readonly ended: AbortSignal;
  private readonly database: Statements;
  /** Postgres would grant a lock again that this very connection holds. */
  private readonly claimed = new Set<string>();
  /** A connection answers one query at a time. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(pid: number, database: Statements, ended: AbortSignal) {
    this.pid = pid;
    this.database = database;
    this.ended = ended;
  }

  /** Claims what nobody has claimed, and returns it. */
  async claim(keys: readonly string[]): Promise<string[]> {
    const free = keys.filter((key) => !this.claimed.has(key));
    if (free.length === 0) return [];
    for (const key of free) this.claimed.add(key);
    try {
      const { rows } = await this.query<{ key: string }>({
        name: 'bus.claim',
        text: `SELECT key FROM unnest($1::text[]) AS key WHERE pg_try_advisory_lock(${lockOf('key')})`,
        values: [free],
      });
      const granted = new Set(rows.map(({ key }) => key));
      for (const key of free) if (!granted.has(key)) this.claimed.delete(key);
      return [...granted];
    } catch (error) {
      for (const key of free) this.claimed.delete(key);
      throw error;
    }
  }

  async release(keys: readonly string[]): Promise<void> {
    const held = keys.filter((key) => this.claimed.has(key));
    if (held.length === 0) return;
    await this.query({
      name: 'bus.release',
      text: `SELECT pg_advisory_unlock(${lockOf('key')}) FROM unnest($1::text[]) AS key`,
      values: [held],
    });
    for (const key of held) this.claimed.delete(key);
  }

  /** Becomes a member of what the keys name, beside others. */
  async join(keys: readonly string[]): Promise<void> {
    await this.query({
      name: 'bus.join',
      text: `SELECT pg_advisory_lock_shared(${lockOf('key')}) FROM unnest($1::text[]) AS key`,
      values: [[...keys]],
    });
  }

  async leave(keys: readonly string[]): Promise<void> {
    await this.query({
      name: 'bus.leave',
      text: `SELECT pg_advisory_unlock_shared(${lockOf('key')}) FROM unnest($1::text[]) AS key`,
      values: [[...keys]],
    });
  }

  /** The members of each, by their connections' pids in ascending order; whoever died is not among them. */
  async members(keys: readonly string[]): Promise<Map<string, number[]>> {
    const { rows } = await this.query<{ key: string; pid: number }>({
      name: 'bus.members',
      text: `SELECT k.key, l.pid FROM pg_locks l JOIN unnest($1::text[]) AS k (key)
               ON (l.classid::bigint << 32) | l.objid::bigint = ${lockOf('k.key')}
             WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.granted AND l.objsubid = 1
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
             ORDER BY l.pid`,
      values: [[...keys]],
    });
    const members = new Map<string, number[]>(keys.map((key) => [key, []]));
    for (const { key, pid } of rows) members.get(key)?.push(pid);
    return members;
  }

  query<Row extends object>(query: {
    text: string;
    name?: string;
    values?: unknown[];
  }): Promise<{ rows: Row[] }> {
    const answer = this.last.then(() => this.database.query<Row>(query));
    this.last = answer.catch(() => {});
    return answer;
  }
}

/** The lock that a key stands for; collisions of 64 bits would only make two claims exclude each other. */
function lockOf(key: string): string {
  return `hashtextextended('tollgate.bus/' || ${key}, 0)`;
}
