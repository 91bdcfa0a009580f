import { Readable } from 'node:stream';
import type { Pool } from '@tollgate/database';
import { HttpProblem, PROBLEMS, queryInteger, type Route, route } from '@tollgate/http';
import { z } from 'zod';
import type { RecordReading } from '../search/readings.ts';
import { replay } from './replay.ts';
import type { SegmentStore } from './segment-store.ts';

const DEFAULT_EVENTS = 1_000;
const MAX_EVENTS = 10_000;
/** Reading that many events and sending them to a slow caller. */
const TIMEOUT_MS = 60_000;
const NDJSON = 'application/x-ndjson';

/** `GET /v1/archive`: history, for those who rebuild from it. */
export function archiveRoutes(parts: {
  readonly pool: Pool;
  readonly store: SegmentStore;
  readonly record: RecordReading;
}): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/archive',
      access: { scope: 'events:replay' },
      operationId: 'replayArchive',
      summary: 'The exact bytes of every event, in the order of the log',
      description: [
        'One JSON object a line: `{"leaf_index":…,"salt":"…","event":"…"}`, salt and event in base64.',
        'The last line is `{"after":…,"log_size":…}`: pass `after` to go on; the end is reached when it is `log_size` - 1.',
        'With `type`, events of other kinds are passed over, so that a page can be short and yet not the last.',
      ].join('\n'),
      tag: 'archive',
      query: z.strictObject({
        after: z
          .string()
          .regex(/^(-1|\d{1,15})$/, 'must be a leaf index, or -1 for the beginning')
          .transform(Number)
          .default(-1)
          .meta({ jsonSchema: { type: 'integer', minimum: -1, default: -1 } }),
        type: z.string().min(1).max(128).optional(),
        limit: queryInteger({ min: 1, max: MAX_EVENTS, default: DEFAULT_EVENTS }),
      }),
      answers: { 200: { raw: [{ contentType: NDJSON }] } },
      problems: [PROBLEMS.outOfReach],
      timeoutMs: TIMEOUT_MS,
      async handle({ query, reach, signal, principal }) {
        if (reach.organisationId !== null || reach.teamIds !== null) {
          throw new HttpProblem(
            PROBLEMS.outOfReach,
            'the archive holds everybody’s events: use a token of the installation',
          );
        }
        await parts.record({
          principal,
          action: 'audit.replay',
          target: 'archive',
          details: query.type === undefined ? {} : { type: query.type },
          continued: query.after >= 0,
        });
        const lines = replay(parts, { after: query.after, limit: query.limit, type: query.type });
        return { status: 200, contentType: NDJSON, raw: Readable.from(lines, { signal, objectMode: false }) };
      },
    }),
  ];
}
