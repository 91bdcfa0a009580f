import { isSignedBy, parseEvent, type SourceGapData } from '@tollgate/events';
import type { InboxRow } from '../inbox/inbox-row.ts';
import type { NumberedRow } from '../log/sift.ts';
import type { KnownSource, SourceRegister } from './register.ts';
import { parseSourceName, sameInstance } from './source-name.ts';
import { reported, stopped, superseded } from './source-state.ts';

/** The Ed25519 public key (base64) that the directory registered for a gateway instance. */
export type PublicKeyOf = (instance: string) => string | undefined;

/** A word of a source that nobody could verify. Nothing follows from it. */
export interface Unverified {
  readonly source: string;
  readonly type: string;
  readonly reason: 'malformed' | 'unknown-key' | 'bad-signature';
  readonly through: number;
  readonly receivedMs: number;
}

/** What a source says it can't tell. */
export interface DeclaredGap {
  readonly row: NumberedRow;
  readonly data: SourceGapData;
}

export interface Reporting {
  readonly register: SourceRegister;
  readonly publicKeyOf: PublicKeyOf;
  readonly nowMs: number;
}

const BASE64 = /^[A-Za-z0-9+/]{1,64}={0,2}$/;
const PLAIN_TYPE = /^[\w.-]{1,128}$/;
const SOURCES_PREFIX = 'tollgate.source.';

/** Takes the events about sources among those that enter the log; returns declared gaps and what was not believed. */
export function applySourceEvents(
  fresh: readonly NumberedRow[],
  { register, publicKeyOf, nowMs }: Reporting,
): { gaps: DeclaredGap[]; unverified: Unverified[] } {
  const gaps: DeclaredGap[] = [];
  const unverified: Unverified[] = [];
  for (const row of fresh) {
    if (!row.type.startsWith(SOURCES_PREFIX)) continue;
    const parsed = parseEvent(row.bytes);
    if (parsed.kind !== 'event') {
      // A later version of the kind stays in the log; what it says of its source is beyond this release.
      unverified.push(doubted(row, 'malformed', 0));
      continue;
    }
    const { event } = parsed;
    const source = register.get(row.source);
    if (event.type === 'tollgate.source.started.v1') {
      const { public_key: key, previous } = event.data;
      const claims = previous.filter(
        (claim) => claim.source !== row.source && sameInstance(claim.source, row.source),
      );
      register.change(source, {
        ...source.state,
        publicKey: BASE64.test(key) ? key : null,
        claims: claims.map((claim) => ({ source: claim.source, ...wordOf(claim) })),
      });
    } else if (event.type === 'tollgate.source.stopped.v1') {
      const { data } = event;
      const doubt =
        data.through === row.sequence - 1
          ? doubtOf(source, { ...data, source: row.source }, publicKeyOf)
          : 'malformed';
      if (doubt === null) {
        register.change(source, stopped(reported(source.state, wordOf(data), nowMs), row.sequence, nowMs));
      } else {
        unverified.push(doubted(row, doubt, data.through));
      }
    } else if (event.type === 'tollgate.source.gap.v1' && sameInstance(event.data.source, row.source)) {
      gaps.push({ row, data: event.data });
    }
  }
  return { gaps, unverified };
}

/** Takes heartbeats; returns those that can't be believed. */
export function applyHeartbeats(
  reports: readonly InboxRow[],
  { register, publicKeyOf, nowMs }: Reporting,
): Unverified[] {
  const unverified: Unverified[] = [];
  for (const row of reports) {
    const parsed = parseEvent(row.bytes);
    if (parsed.kind === 'event' && parsed.event.type === 'tollgate.directory.heartbeat.v1') continue;
    if (parsed.kind !== 'event' || parsed.event.type !== 'tollgate.source.heartbeat.v1') {
      unverified.push(doubted(row, 'malformed', 0));
      continue;
    }
    const { data } = parsed.event;
    const source = register.get(row.source);
    const doubt = doubtOf(source, { ...data, source: row.source }, publicKeyOf);
    if (doubt === null) register.change(source, reported(source.state, wordOf(data), nowMs));
    else unverified.push(doubted(row, doubt, data.through));
  }
  return unverified;
}

/**
 * What a source's start said of earlier epochs on its spool becomes believable with the first word of that source
 * that could be verified: only the holder of the instance's key can have written both.
 */
export async function applyClaims(
  names: Iterable<string>,
  { register, nowMs }: Pick<Reporting, 'register' | 'nowMs'>,
): Promise<void> {
  for (const name of new Set(names)) {
    const source = register.get(name);
    const { claims, through } = source.state;
    // `through` moves by verified words alone.
    if (claims.length === 0 || through === 0) continue;
    await register.load(claims.map((claim) => claim.source));
    for (const claim of claims) {
      const earlier = register.get(claim.source);
      const { heardMs } = earlier.state;
      register.change(earlier, { ...superseded(reported(earlier.state, claim, nowMs)), heardMs });
    }
    register.change(source, { ...source.state, claims: [] });
  }
}

/** Only what JSON in Postgres can hold: whoever names types otherwise gets no count. */
function wordOf(word: { through: number; counts: Readonly<Record<string, number>>; chain: string }) {
  const counts = Object.fromEntries(Object.entries(word.counts).filter(([type]) => PLAIN_TYPE.test(type)));
  return { through: word.through, counts, chain: word.chain };
}

/** Why a word can't be believed; null where the source itself has signed it. */
function doubtOf(
  source: KnownSource,
  word: { source: string; through: number; chain: string; signature: string },
  publicKeyOf: PublicKeyOf,
): 'unknown-key' | 'bad-signature' | null {
  const { kind, instance } = parseSourceName(source.name);
  const key = kind === 'gateways' ? publicKeyOf(instance) : (source.state.publicKey ?? undefined);
  if (key === undefined) return 'unknown-key';
  return isSignedBy(key, word) ? null : 'bad-signature';
}

function doubted(row: InboxRow, reason: Unverified['reason'], through: number): Unverified {
  return { source: row.source, type: row.type, reason, through, receivedMs: row.receivedMs };
}
