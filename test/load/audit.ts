import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Publisher } from '@tollgate/bus';
import type { Pool } from '@tollgate/database';
import type { DirectoryEntity } from '@tollgate/events';
import { hashCredential } from '@tollgate/http';
import { type Appended, appendOurs, tessera } from './audit/log-alone.ts';
import { measureProofs, type Proofs } from './audit/proofs.ts';
import { fillIndex, measureSearch, type Searches } from './audit/search.ts';
import {
  type AuditPlace,
  auditPlace,
  drain,
  type Sizes,
  sizesPerEvent,
  startAudit,
  type Written,
} from './audit/writer.ts';
import { median } from './http-load.ts';
import {
  benchFolder,
  numberAfter,
  publish,
  publishDirectory,
  quietBus,
  startInfrastructure,
} from './infrastructure.ts';
import { RequestStream } from './usage-stream.ts';

const ROUNDS = 3;
const APPENDED = 200_000;
/** Whole requests, of three events each. */
const EVENTS_PER_ROUND = 45_000;
/** What the issue names; the run takes some ten minutes with it. */
const LARGE = 10_000_000;
/** Of the filled index, with what Postgres needs besides while it sorts and logs. */
const DISK_BYTES_PER_ROW = 1_200;
const TARGETS = {
  log_ratio_to_tessera: 1,
  searchable_per_second: 15_000,
  proof_ms: 5,
  search_ms: 50,
} as const;

/** One pair of rounds of the log alone. */
interface LogPair {
  readonly ours: Appended;
  readonly theirs: Appended | null;
}

interface Figures {
  readonly log: { readonly pairs: readonly LogPair[]; readonly lack: string | null } | null;
  readonly written: WriterFigures | null;
  readonly proofs: Proofs | null;
  readonly searches: Searches | null;
}

interface WriterFigures {
  /** Rounds to the checkpoint, and rounds to the index, side by side. */
  readonly log: readonly Written[];
  readonly all: readonly Written[];
  readonly sizes: Sizes;
}

const PARTS = ['log', 'proofs', 'writer', 'search'] as const;
type Part = (typeof PARTS)[number];

/** What a run of the services needs. */
interface Ground {
  readonly owner: Pool;
  readonly place: AuditPlace;
  readonly publisher: Publisher;
  readonly say: (line: string) => void;
}

/**
 * `npm run bench -- audit [--json] [--only log|proofs|writer|search] [--rounds N] [--events N] [--large N]`: the log alone
 * against Tessera's POSIX log in paired rounds, the whole service from the topic to the published checkpoint and to the
 * search index with bytes an event, proofs in a tree of ten million leaves, searches among ten million events.
 */
export async function benchAudit(args: readonly string[]): Promise<void> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const rounds = numberAfter(args, '--rounds') ?? ROUNDS;
  const asked = numberAfter(args, '--events') ?? EVENTS_PER_ROUND;
  const events = asked - (asked % 3);
  const large = numberAfter(args, '--large') ?? LARGE;
  const wanted = partsOf(args);
  const folder = benchFolder();
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const log = wanted.has('log') ? await benchLog(join(folder, 'log'), rounds, say) : null;
    const proofs = wanted.has('proofs') ? await measureProofs(join(folder, 'proofs'), large) : null;
    if (proofs !== null) say(`proofs: ${JSON.stringify(proofs)}`);
    let written: WriterFigures | null = null;
    let searches: Searches | null = null;
    if (wanted.has('writer') || wanted.has('search')) {
      if (wanted.has('search')) await assertRoom(folder, large);
      const { kafka, postgresUrl, postgresPid, owner } = await startInfrastructure(folder, stops);
      const place = auditPlace({ kafka, postgresUrl, postgresPid, folder: join(folder, 'audit') });
      const bus = quietBus(kafka);
      stops.push(() => bus.close());
      const publisher = await bus.createPublisher();
      const token = `tgs_${randomBytes(32).toString('base64url')}`;
      await publishDirectory(publisher, [securityToken(token)]);
      written = await benchWriter(
        { owner, place, publisher, say },
        wanted.has('writer') ? rounds : 0,
        events,
      );
      if (wanted.has('search')) {
        await fillIndex(postgresUrl, large, say);
        const audit = await startAudit(place);
        stops.push(() => audit.stop());
        searches = await measureSearch(audit.url, token, large);
      }
      if (!wanted.has('writer')) written = null;
    }
    report(args.includes('--json'), { log, written, proofs, searches });
  } finally {
    for (const stop of stops.toReversed()) await stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function partsOf(args: readonly string[]): ReadonlySet<Part> {
  const at = args.indexOf('--only');
  if (at < 0) return new Set(PARTS);
  const part = PARTS.find((each) => each === args[at + 1]);
  if (part === undefined) throw new Error(`--only takes one of ${PARTS.join(', ')}`);
  return new Set([part]);
}

/** A warm-up, and so many rounds of two drains each; what is found later lies among the events. */
async function benchWriter(
  { owner, place, publisher, say }: Ground,
  rounds: number,
  events: number,
): Promise<WriterFigures> {
  const stream = new RequestStream();
  const log: Written[] = [];
  const all: Written[] = [];
  let bytes = 0;
  let before = 0;
  for (let round = 0; round <= rounds; round += 1) {
    for (const indexing of round === 0 ? [true] : [false, true]) {
      const values = stream.next(events);
      bytes += values.reduce((sum, { length }) => sum + length, 0);
      await publish(publisher, values);
      const figures = await drain(owner, place, { events, before, indexing });
      say(`${round === 0 ? 'warm-up' : `${round}/${rounds}`}: ${JSON.stringify(figures)}`);
      if (round > 0) (indexing ? all : log).push(figures);
      // The token's event is in the log too.
      before += events + (before === 0 ? 1 : 0);
    }
  }
  const total = events * (2 * rounds + 1);
  return { log, all, sizes: await sizesPerEvent(place, owner, total, bytes / total) };
}

/** Fails before it fills the disk. */
async function assertRoom(folder: string, rows: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const needed = rows * DISK_BYTES_PER_ROW;
  if (bavail * bsize < needed) {
    throw new Error(
      `${rows} rows take some ${Math.ceil(needed / 2 ** 30)} GiB below ${folder}: give --large N`,
    );
  }
}

async function benchLog(
  folder: string,
  rounds: number,
  say: (line: string) => void,
): Promise<NonNullable<Figures['log']>> {
  const theirs = await tessera();
  const pairs: LogPair[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const ours = await appendOurs(`${folder}-ours-${round}`, APPENDED);
    const other = typeof theirs === 'string' ? null : await theirs(`${folder}-tessera-${round}`, APPENDED);
    for (const name of ['ours', 'tessera'])
      rmSync(`${folder}-${name}-${round}`, { recursive: true, force: true });
    say(
      `log ${round === 0 ? 'warm-up' : `${round}/${rounds}`}: ours ${shown(ours)}, Tessera ${shown(other)}`,
    );
    if (round > 0) pairs.push({ ours, theirs: other });
  }
  return { pairs, lack: typeof theirs === 'string' ? theirs : null };
}

function securityToken(token: string): DirectoryEntity {
  return {
    kind: 'access-token',
    id: 'tok_bench',
    version: 1,
    deleted: false,
    organisation_id: null,
    principal_type: 'service',
    principal_id: 'bench',
    name: 'bench',
    sha256: hashCredential(token),
    roles: [],
    scopes: ['audit:read'],
    team_id: null,
    expires_at: null,
  };
}

const perSecond = ({ entries, seconds }: Appended) => entries / seconds;
const cpuUs = ({ entries, cpu_seconds }: Appended) => (cpu_seconds / entries) * 1e6;

function shown(appended: Appended | null): string {
  return appended === null ? '-' : `${perSecond(appended).toFixed(0)}/s at ${cpuUs(appended).toFixed(1)} us`;
}

function report(json: boolean, { log, written, proofs, searches }: Figures): void {
  const round = (value: number, digits = 0) => Number(value.toFixed(digits));
  const middle = (rounds: readonly Written[], figure: (each: Written) => number, digits = 0) =>
    round(median(rounds.map(figure)), digits);
  const logFigures = log === null ? null : figuresOfLog(log);
  const writer =
    written === null
      ? null
      : {
          published_per_second: middle(written.log, (each) => each.published_per_second),
          searchable_per_second: middle(written.all, (each) => each.searchable_per_second ?? 0),
          to_checkpoint: {
            node_cpu_us: middle(written.log, (each) => each.node_cpu_us, 1),
            postgres_cpu_us: middle(written.log, (each) => each.postgres_cpu_us, 1),
          },
          to_index: {
            node_cpu_us: middle(written.all, (each) => each.node_cpu_us, 1),
            postgres_cpu_us: middle(written.all, (each) => each.postgres_cpu_us, 1),
          },
          bytes_per_event: written.sizes,
          rounds: written.all.length,
        };
  if (json) {
    const figures = { log: logFigures, writer, proofs, searches, targets: TARGETS, node: process.version };
    process.stdout.write(`${JSON.stringify(figures)}\n`);
    return;
  }
  const lines: string[] = [];
  if (log !== null && logFigures !== null) {
    const theirs = log.pairs.flatMap(({ theirs: each }) => each ?? []);
    lines.push(
      `the log alone    ${logFigures.entries_per_second} entries/s at ${logFigures.cpu_us} us of CPU, durable, under a checkpoint`,
      log.lack === null
        ? `  Tessera POSIX  ${shown(theirs[0] ?? null)}; ours ${logFigures.ratio_to_tessera} of it (at least ${TARGETS.log_ratio_to_tessera} wanted)`
        : `  Tessera POSIX  not measured: ${log.lack}`,
    );
  }
  if (writer !== null) {
    const { bytes_per_event: sizes, to_checkpoint: early, to_index: late } = writer;
    lines.push(
      `the whole writer ${writer.published_per_second} events/s from the topic to the checkpoint alone, ${early.node_cpu_us} us of CPU an event and ${early.postgres_cpu_us} of Postgres`,
      `                 ${writer.searchable_per_second} events/s to checkpoint and search index (at least ${TARGETS.searchable_per_second} wanted), ${late.node_cpu_us} us and ${late.postgres_cpu_us} of Postgres`,
      `bytes an event   ${sizes.event_bytes} themselves; archive ${sizes.archive_bytes}, log ${sizes.log_bytes}, Postgres ${sizes.postgres_bytes}`,
    );
  }
  if (proofs !== null) {
    lines.push(
      `proofs           ${proofs.inclusion_p50_ms} ms of inclusion, ${proofs.consistency_p50_ms} ms of consistency, in ${proofs.leaves} leaves (at most ${TARGETS.proof_ms})`,
    );
  }
  if (searches !== null) {
    lines.push(
      `searches         ${searches.p50_ms} ms by team and day, p99 ${searches.p99_ms} ms, among ${searches.indexed} events (at most ${TARGETS.search_ms})`,
    );
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

function figuresOfLog({ pairs, lack }: NonNullable<Figures['log']>) {
  const ours = pairs.map(({ ours: each }) => each);
  const theirs = pairs.flatMap(({ theirs: each }) => each ?? []);
  const ratios = pairs.flatMap(({ ours: one, theirs: other }) =>
    other === null ? [] : [perSecond(one) / perSecond(other)],
  );
  const round = (value: number, digits = 0) => Number(value.toFixed(digits));
  return {
    entries_per_second: round(median(ours.map(perSecond))),
    cpu_us: round(median(ours.map(cpuUs)), 1),
    tessera: lack ?? {
      entries_per_second: round(median(theirs.map(perSecond))),
      cpu_us: round(median(theirs.map(cpuUs)), 1),
    },
    ratio_to_tessera: ratios.length === 0 ? null : round(median(ratios), 2),
  };
}
