import type { Pool } from '@tollgate/database';
import { HttpProblem, PROBLEMS, type ProblemKind, type Route, route } from '@tollgate/http';
import { formatTlogProof, leafHash, proveInclusion, verifyInclusion } from '@tollgate/transparency-log';
import { z } from 'zod';
import type { SegmentStore } from '../archive/segment-store.ts';
import { AuditError } from '../errors.ts';
import { findEvents } from '../search/query.ts';
import type { RecordReading } from '../search/readings.ts';
import { archivedEntries } from './archived-entries.ts';
import { readPublication } from './publication.ts';
import type { TileStore } from './tile-store.ts';

const TEXT = 'text/plain; charset=utf-8';
const RETRY_AFTER_SECONDS = 1;
const NOT_YET_PUBLISHED = {
  code: 'not_yet_published',
  status: 409,
  title: 'No checkpoint covers the event yet',
} as const satisfies ProblemKind;

const provenEvent = z
  .object({
    leaf_index: z.int().min(0),
    /** Its exact bytes, in base64. */
    event: z.base64(),
    /** C2SP tlog-proof, whose extra data is the event's salt. */
    proof: z.string(),
  })
  .meta({ id: 'ProvenEvent' });

/** `GET /v1/events/{id}/proof`. */
export function proofRoutes(parts: {
  readonly pool: Pool;
  readonly store: SegmentStore;
  readonly tiles: TileStore;
  readonly record: RecordReading;
}): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/events/:id/proof',
      access: { scope: 'audit:read' },
      operationId: 'proveEvent',
      summary: 'The proof that an event is in the log',
      description: [
        'As text, a C2SP tlog-proof that needs neither network nor us; its extra data is the salt. Asked for as JSON, the',
        "event's exact bytes come with it.",
        'The entry is: version 0x01, SHA-256(source), sequence in 8 bytes, length of the type in 2, type,',
        'SHA-256(salt ‖ event bytes).',
      ].join('\n'),
      tag: 'events',
      params: z.object({ id: z.uuid() }),
      answers: { 200: { json: provenEvent, raw: [{ contentType: TEXT }] } },
      problems: [PROBLEMS.notFound, NOT_YET_PUBLISHED],
      async handle({ params, reach, principal, headers }) {
        await parts.record({ principal, action: 'audit.prove', target: params.id, details: {} });
        const [found] = await findEvents(parts, { eventId: params.id }, reach, { limit: 1 });
        if (found === undefined) {
          throw new HttpProblem(PROBLEMS.notFound, 'the log holds no such event within your reach');
        }
        const { leafIndex, archived } = found;
        const proof = await proofOf(parts, leafIndex, archived.salt);
        if (headers.accept?.includes('application/json') !== true) {
          return { status: 200, contentType: TEXT, raw: proof };
        }
        return {
          status: 200,
          body: { leaf_index: leafIndex, event: archived.bytes.toString('base64'), proof },
        };
      },
    }),
  ];
}

/** @throws HttpProblem `not_yet_published`; AuditError `log_forked` where the tiles prove nothing */
async function proofOf(
  parts: { readonly pool: Pool; readonly store: SegmentStore; readonly tiles: TileStore },
  leafIndex: number,
  salt: Buffer,
): Promise<string> {
  const published = await readPublication(parts.pool);
  if (published === null || published.size <= leafIndex) {
    throw new HttpProblem(NOT_YET_PUBLISHED, 'a checkpoint follows within a second: ask again', {
      headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
    });
  }
  const [index, size] = [BigInt(leafIndex), BigInt(published.size)];
  const hashes = await proveInclusion(parts.tiles, index, size);
  const [entry] = await archivedEntries(parts, leafIndex, leafIndex + 1);
  if (entry === undefined || !verifyInclusion(index, size, leafHash(entry), hashes, published.root)) {
    throw new AuditError('log_forked', `the tiles do not prove leaf ${leafIndex}: they were changed`);
  }
  return formatTlogProof({ extra: salt, index, hashes, checkpoint: published.checkpoint });
}
