import { HttpProblem, PROBLEMS } from '@tollgate/http';
import { parseCheckpoint, parseNote, proveConsistency } from '@tollgate/transparency-log';
import { makeStatement, type StatementParts } from '../completeness/make-statement.ts';
import type { Period } from '../completeness/period.ts';
import { isObject } from '../exports/exported-event.ts';
import { QUARTER_MS } from '../indexing/event-counts.ts';
import { keptCheckpoint } from '../indexing/kept-checkpoints.ts';
import { termQuery } from '../indexing/terms.ts';
import type { TileStore } from '../tree/tile-store.ts';
import { assertionsFile } from './assertions.ts';
import { toldInForce } from './in-force.ts';
import { type EvidenceScope, type earlier, FILES, treeFile } from './layout.ts';
import { Manifest } from './manifest.ts';
import { readmeOf } from './readme.ts';
import { shownTree } from './shown-tree.ts';
import { EvidenceSummary } from './summary.ts';
import { tarEnd, tarEntry } from './tar.ts';

export interface BundleParts extends StatementParts {
  readonly tiles: TileStore;
}

/** What a bundle is asked for. */
export interface BundleAsk {
  /** A period, or the request whose events are shown. */
  readonly about: { readonly period: Period } | { readonly requestId: string };
  readonly organisationId: string | null;
  /** The size of a checkpoint that the auditor has kept; null: whichever the log has kept. */
  readonly since: number | null;
}

/** A part of the tree is closed when it is so long. */
const PART_CHARACTERS = 4 << 20;
const EVERYTHING = { organisationId: null, teamIds: null };

/**
 * A bundle as a tar, piece by piece.
 * @throws HttpProblem `not_found` for a request that the index does not know; what `makeStatement` throws
 */
export async function makeBundle(parts: BundleParts, ask: BundleAsk): Promise<AsyncGenerator<Buffer>> {
  const requestId = 'requestId' in ask.about ? ask.about.requestId : null;
  const period =
    'period' in ask.about
      ? ask.about.period
      : await quarterOf(parts, ask.about.requestId, ask.organisationId);
  const made = await makeStatement(parts, {
    period,
    organisationId: ask.organisationId,
    ...(requestId === null ? {} : { requestId }),
  });
  const { size } = made.statement.checkpoint;
  if (ask.since !== null && (ask.since < 1 || ask.since > size)) {
    throw new HttpProblem(
      PROBLEMS.unprocessable,
      `the log had ${size} entries at its newest checkpoint: it proves growth up to there`,
    );
  }
  return pieces(parts, ask, { requestId, period, made });
}

async function* pieces(
  parts: BundleParts,
  ask: BundleAsk,
  about: {
    readonly requestId: string | null;
    readonly period: Period;
    readonly made: Awaited<ReturnType<typeof makeStatement>>;
  },
): AsyncGenerator<Buffer> {
  const { requestId, period, made } = about;
  const { organisationId } = ask;
  const { origin, verifierKeys } = parts.signers;
  const { size } = made.statement.checkpoint;
  const manifest = new Manifest();
  const file = (name: string, text: string): Buffer => {
    const bytes = Buffer.from(text);
    manifest.add(name, bytes);
    return tarEntry({ name, bytes });
  };
  const scope: EvidenceScope = { version: 1, request_id: requestId, organisation_id: organisationId };
  yield file(
    FILES.readme,
    readmeOf({ origin, period: made.statement.period, requestId, organisationId, size }),
  );
  yield file(FILES.keys, `${verifierKeys.join('\n')}\n`);
  yield file(FILES.scope, `${JSON.stringify(scope)}\n`);
  yield file(FILES.statement, made.note);
  yield file(FILES.checkpoint, made.checkpoint);
  const before = await earlierOf(parts, size, ask.since);
  if (before !== null) yield file(FILES.earlier, `${JSON.stringify(before)}\n`);
  const summary = new EvidenceSummary();
  const filter =
    requestId === null
      ? { fromMs: period.fromMs, toMs: period.toMs, organisationId: organisationId ?? undefined }
      : { requestId, organisationId: organisationId ?? undefined };
  let part = '';
  let nth = 0;
  for await (const { line, event } of shownTree(parts, { filter, reach: EVERYTHING, size })) {
    if (event !== null && 'leaf' in line) {
      const json: unknown = JSON.parse(event.toString('utf8'));
      summary.add(line.leaf, isObject(json) ? json : {});
    }
    part += `${JSON.stringify(line)}\n`;
    if (part.length < PART_CHARACTERS) continue;
    yield file(treeFile(nth), part);
    part = '';
    nth += 1;
  }
  if (part !== '') yield file(treeFile(nth), part);
  const digests = summary.policyDigests();
  const told = await toldInForce(parts, digests, size);
  if (told.length > 0) {
    yield file(FILES.inForce, told.map(({ line }) => `${JSON.stringify(line)}\n`).join(''));
    yield file(FILES.assertions, assertionsFile(told, digests));
  }
  yield file(FILES.configuration, summary.configuration());
  yield file(FILES.dataHandling, summary.dataHandling());
  yield tarEntry({ name: FILES.manifest, bytes: Buffer.from(parts.signers.signText(manifest.text)) });
  yield tarEnd;
}

/** The quarter of an hour in which a request came. */
async function quarterOf(
  { pool }: BundleParts,
  requestId: string,
  organisationId: string | null,
): Promise<Period> {
  const { rows } = await pool.query<{ ms: number | null }>(
    `SELECT (extract(epoch FROM min(happened_at)) * 1000)::float8 AS ms FROM indexed_event
     WHERE terms @@ $1::tsquery AND ($2::text IS NULL OR organisation_id = $2)`,
    [termQuery('request', requestId), organisationId],
  );
  const ms = rows[0]?.ms ?? null;
  if (ms === null)
    throw new HttpProblem(PROBLEMS.notFound, 'the log holds no event of that request within your reach');
  const fromMs = Math.floor(ms / QUARTER_MS) * QUARTER_MS;
  return { fromMs, toMs: fromMs + QUARTER_MS };
}

/** What shows that the log only grew: since the checkpoint that was asked for, or else since the first that is kept. */
async function earlierOf(
  { pool, tiles }: BundleParts,
  size: number,
  since: number | null,
): Promise<(typeof earlier)['_output'] | null> {
  const kept = since === null ? await keptCheckpoint(pool, size - 1) : null;
  const from = since ?? kept?.size ?? null;
  if (from === null) return null;
  const hashes = await proveConsistency(tiles, BigInt(from), BigInt(size));
  return {
    size: from,
    checkpoint: kept === null ? null : kept.checkpoint,
    consistency: hashes.map((hash) => Buffer.from(hash).toString('base64')),
  };
}

/** The size of a checkpoint that somebody has kept. */
export function sizeOfCheckpoint(note: string): number {
  return Number(parseCheckpoint(parseNote(note).text).size);
}
