import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DirectoryEntity } from '@tollgate/events';
import { hashCredential } from '@tollgate/http';
import { type Appended, appendOurs, tessera } from './audit/log-alone.ts';
import { measureProofs, type Proofs } from './audit/proofs.ts';
import { fillIndex, measureSearch, type Searches } from './audit/search.ts';
import { auditPlace, drain, type Sizes, sizesPerEvent, startAudit, type Written } from './audit/writer.ts';
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
const TARGETS = {
  log_ratio_to_tessera: 1,
  published_per_second: 15_000,
  proof_ms: 5,
  search_ms: 50,
} as const;

/** One pair of rounds of the log alone. */
interface LogPair {
  readonly ours: Appended;
  readonly theirs: Appended | null;
}

interface Figures {
  readonly log: { readonly pairs: readonly LogPair[]; readonly lack: string | null };
  readonly written: readonly Written[];
  readonly sizes: Sizes;
  readonly proofs: Proofs;
  readonly searches: Searches;
}

/**
 * `npm run bench -- audit [--json] [--rounds N] [--events N] [--large N]`: the log alone against Tessera's POSIX log in
 * paired rounds, the whole service from the topic to the published checkpoint and to the search index, proofs in a tree of
 * ten million leaves, searches among ten million events, and bytes an event.
 */
export async function benchAudit(args: readonly string[]): Promise<void> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const rounds = numberAfter(args, '--rounds') ?? ROUNDS;
  const asked = numberAfter(args, '--events') ?? EVENTS_PER_ROUND;
  const events = asked - (asked % 3);
  const large = numberAfter(args, '--large') ?? LARGE;
  const folder = benchFolder();
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const log = await benchLog(join(folder, 'log'), rounds, say);
    const proofs = await measureProofs(join(folder, 'proofs'), large);
    say(`proofs: ${JSON.stringify(proofs)}`);
    const { kafka, postgresUrl, owner } = await startInfrastructure(folder, stops);
    const place = auditPlace({ kafka, postgresUrl, folder: join(folder, 'audit') });
    const bus = quietBus(kafka);
    stops.push(() => bus.close());
    const publisher = await bus.createPublisher();
    const token = `tgs_${randomBytes(32).toString('base64url')}`;
    await publishDirectory(publisher, [securityToken(token)]);
    const stream = new RequestStream();
    const written: Written[] = [];
    let bytes = 0;
    for (let round = 0; round <= rounds; round += 1) {
      const values = stream.next(events);
      bytes += values.reduce((sum, { length }) => sum + length, 0);
      await publish(publisher, values);
      // The token's event is in the log too.
      const figures = await drain(place, events, round * events + (round === 0 ? 0 : 1));
      say(`${round === 0 ? 'warm-up' : `${round}/${rounds}`}: ${JSON.stringify(figures)}`);
      if (round > 0) written.push(figures);
    }
    const total = events * (rounds + 1);
    const sizes = await sizesPerEvent(place, owner, total, bytes / total);
    await fillIndex(owner, large, say);
    const audit = await startAudit(place);
    stops.push(() => audit.stop());
    const searches = await measureSearch(audit.url, token, large + total);
    report(args.includes('--json'), { log, written, sizes, proofs, searches });
  } finally {
    for (const stop of stops.toReversed()) await stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchLog(
  folder: string,
  rounds: number,
  say: (line: string) => void,
): Promise<Figures['log']> {
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

function report(json: boolean, { log, written, sizes, proofs, searches }: Figures): void {
  const ours = log.pairs.map(({ ours: each }) => each);
  const theirs = log.pairs.flatMap(({ theirs: each }) => each ?? []);
  const ratios = log.pairs.flatMap(({ ours: one, theirs: other }) =>
    other === null ? [] : [perSecond(one) / perSecond(other)],
  );
  const round = (value: number, digits = 0) => Number(value.toFixed(digits));
  const figures = {
    log: {
      entries_per_second: round(median(ours.map(perSecond))),
      cpu_us: round(median(ours.map(cpuUs)), 1),
      tessera: log.lack ?? {
        entries_per_second: round(median(theirs.map(perSecond))),
        cpu_us: round(median(theirs.map(cpuUs)), 1),
      },
      ratio_to_tessera: ratios.length === 0 ? null : round(median(ratios), 2),
    },
    writer: {
      published_per_second: round(median(written.map((each) => each.published_per_second))),
      searchable_per_second: round(median(written.map((each) => each.searchable_per_second))),
      cpu_us: round(median(written.map((each) => each.cpu_us)), 1),
    },
    bytes_per_event: sizes,
    proofs,
    searches,
    targets: TARGETS,
    rounds: written.length,
    node: process.version,
  };
  if (json) {
    process.stdout.write(`${JSON.stringify(figures)}\n`);
    return;
  }
  const { writer } = figures;
  process.stdout.write(
    [
      `the log alone    ${figures.log.entries_per_second} entries/s at ${figures.log.cpu_us} us of CPU, durable, under a checkpoint`,
      log.lack === null
        ? `  Tessera POSIX  ${shown(theirs[0] ?? null)}; ours ${figures.log.ratio_to_tessera} of it (at least ${TARGETS.log_ratio_to_tessera} wanted)`
        : `  Tessera POSIX  not measured: ${log.lack}`,
      `the whole writer ${writer.published_per_second} events/s from the topic to the checkpoint (at least ${TARGETS.published_per_second} wanted)`,
      `                 ${writer.searchable_per_second} events/s to the search index; ${writer.cpu_us} us of CPU an event beside Postgres`,
      `bytes an event   ${sizes.event_bytes} themselves; archive ${sizes.archive_bytes}, log ${sizes.log_bytes}, Postgres ${sizes.postgres_bytes}`,
      `proofs           ${proofs.inclusion_p50_ms} ms of inclusion, ${proofs.consistency_p50_ms} ms of consistency, in ${proofs.leaves} leaves (at most ${TARGETS.proof_ms})`,
      `searches         ${searches.p50_ms} ms by team and day, p99 ${searches.p99_ms} ms, among ${searches.indexed} events (at most ${TARGETS.search_ms})`,
      '',
    ].join('\n'),
  );
}
