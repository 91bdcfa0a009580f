import { homedir } from 'node:os';
import path from 'node:path';

/** Where downloads are kept: `TOLLGATE_CACHE`, else `XDG_CACHE_HOME/tollgate`, else `~/.cache/tollgate`. */
export function defaultCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const own = environment['TOLLGATE_CACHE'];
  if (own !== undefined && own !== '') return path.resolve(own);
  const shared = environment['XDG_CACHE_HOME'];
  if (shared !== undefined && path.isAbsolute(shared)) return path.join(shared, 'tollgate');
  return path.join(homedir(), '.cache', 'tollgate');
}
