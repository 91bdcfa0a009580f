import { describe, expect, it } from 'vitest';
import { defaultCacheFolder } from './cache-folder.ts';

describe('the cache', () => {
  it('keeps what it fetched in the user’s cache, or where it is told to', () => {
    expect(defaultCacheFolder({ TOLLGATE_CACHE: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a');
    expect(defaultCacheFolder({ XDG_CACHE_HOME: '/b' })).toBe('/b/tollgate');
    expect(defaultCacheFolder({})).toMatch(/\/\.cache\/tollgate$/);
  });
});
