import type { Pool } from '@tollgate/database';
import { HttpProblem, PROBLEMS, type Route, route } from '@tollgate/http';
import { type LogResource, parsePath, TILE_WIDTH, TransparencyLogError } from '@tollgate/transparency-log';
import { z } from 'zod';
import type { LogSigners } from './log-signers.ts';
import { readPublication } from './publication.ts';
import type { TileStore } from './tile-store.ts';

const TEXT = 'text/plain; charset=utf-8';
const BYTES = 'application/octet-stream';
const ACCESS = { scope: 'log:read' } as const;
/** A path's elements behind the level: three of an index up to 10^9 (2.5 × 10^11 entries), and the width of a partial tile. */
const MAX_TILE_ELEMENTS = 4;
const FOR_EVER = 'max-age=31536000, immutable';
/** It stays the same while it is there, and gives way to the full one. */
const FOR_A_WHILE = 'max-age=60';

const logView = z.object({
  origin: z.string(),
  keys: z.array(z.string()).readonly(),
  size: z.int().min(0),
});

/** The log as tlog-tiles has it, below `/log`; and what it is called and signed with. */
export function treeRoutes(parts: {
  readonly pool: Pool;
  readonly tiles: TileStore;
  readonly signers: LogSigners;
}): Route[] {
  const { pool, tiles, signers } = parts;
  return [
    route({
      method: 'GET',
      path: '/log',
      access: ACCESS,
      operationId: 'getLog',
      summary: "The log's origin, verifier keys and published size",
      tag: 'log',
      answers: { 200: logView },
      async handle() {
        const published = await readPublication(pool);
        const { origin, verifierKeys } = signers;
        return { status: 200, body: { origin, keys: verifierKeys, size: published?.size ?? 0 } };
      },
    }),
    route({
      method: 'GET',
      path: '/log/checkpoint',
      access: ACCESS,
      operationId: 'getCheckpoint',
      summary: 'The newest signed checkpoint (C2SP tlog-checkpoint)',
      tag: 'log',
      answers: { 200: { raw: [{ contentType: TEXT }] } },
      problems: [PROBLEMS.notFound],
      async handle() {
        const published = await readPublication(pool);
        if (published === null) throw new HttpProblem(PROBLEMS.notFound, 'the log has no entries yet');
        return {
          status: 200,
          contentType: TEXT,
          raw: published.checkpoint,
          headers: { 'cache-control': 'no-cache' },
        };
      },
    }),
    ...Array.from({ length: MAX_TILE_ELEMENTS }, (_, last) => tileRoute(tiles, last + 1)),
  ];
}

/** Tiles and entry bundles whose paths have so many elements behind the level. */
function tileRoute(tiles: TileStore, elements: number): Route {
  const names = Array.from({ length: elements }, (_, nth) => `element_${nth + 1}`);
  return route({
    method: 'GET',
    path: `/log/tile/:level/${names.map((name) => `:${name}`).join('/')}`,
    access: ACCESS,
    operationId: elements === 1 ? 'getTile' : `getTileOf${elements}Elements`,
    summary: 'A tile, or with the level `entries` an entry bundle (C2SP tlog-tiles)',
    description:
      'Such as `/log/tile/0/x001/067`, `/log/tile/entries/003.p/17`. A partial one may go once the full one is there.',
    tag: 'log',
    params: z.object(Object.fromEntries(['level', ...names].map((name) => [name, z.string().max(64)]))),
    answers: { 200: { raw: [{ contentType: BYTES }] } },
    problems: [PROBLEMS.notFound],
    async handle({ params }) {
      const path = ['tile', ...['level', ...names].map((name) => params[name])].join('/');
      const resource = resourceAt(path);
      const bytes = resource === null ? undefined : await tiles.read(path);
      if (resource === null || bytes === undefined) {
        throw new HttpProblem(
          PROBLEMS.notFound,
          'the log has no such tile: where a partial one is gone, ask for the full one',
        );
      }
      return {
        status: 200,
        contentType: BYTES,
        raw: Buffer.from(bytes),
        headers: { 'cache-control': isFull(resource) ? FOR_EVER : FOR_A_WHILE },
      };
    },
  });
}

/** Null for what is no path of a log: nothing else is ever read. */
function resourceAt(path: string): LogResource | null {
  try {
    return parsePath(path);
  } catch (error) {
    if (error instanceof TransparencyLogError) return null;
    throw error;
  }
}

function isFull(resource: LogResource): boolean {
  if (resource.kind === 'checkpoint') return false;
  return (resource.kind === 'tile' ? resource.tile : resource.bundle).width === TILE_WIDTH;
}
