import type { ShortAnswer, Upstream } from '../upstream/upstream.ts';

/**
 * What a probe saw. `down`: it could not be reached, or failed itself. `unknown`: the answer says nothing about the
 * target, as where the credential may call it and may not look at it.
 */
export type Sight = 'healthy' | 'unhealthy' | 'down' | 'unknown';

/** Looks at a target. Never rejects. */
export async function probe(upstream: Upstream, path: string, timeoutMs: number): Promise<Sight> {
  try {
    return sightOf(await upstream.get(path, timeoutMs));
  } catch {
    return 'down';
  }
}

/** Databricks says `state.ready`, of which only `NOT_READY` is bad; of anything else, an answer is enough. */
export function sightOf({ status, text }: ShortAnswer): Sight {
  if (status >= 500) return 'down';
  if (status < 200 || status >= 300) return 'unknown';
  const ready = readyOf(text);
  if (ready === 'NOT_READY') return 'unhealthy';
  return ready === undefined || ready === 'READY' ? 'healthy' : 'unknown';
}

function readyOf(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return memberOf(memberOf(parsed, 'state'), 'ready');
  } catch {
    return undefined;
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
