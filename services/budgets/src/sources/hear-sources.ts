import type { Transaction } from '@tollgate/database';
import { isSignedBy, parseSequence, type TollgateEvent } from '@tollgate/events';
import { lockSources, updateSources } from './source-store.ts';
import { ended, heard, type UsageSource, type Word } from './usage-source.ts';

export type SourceEvent =
  | TollgateEvent<'tollgate.source.started.v1'>
  | TollgateEvent<'tollgate.source.heartbeat.v1'>
  | TollgateEvent<'tollgate.source.stopped.v1'>;

const USAGE = 'tollgate.usage.v1';
const GATEWAYS = '/gateways/';

/** The Ed25519 public key (base64) that the directory registered for a gateway instance. */
export type PublicKeyOf = (instance: string) => string | undefined;

/**
 * The handler of the topic `sources`: what gateways say about how far they have come, where their signature is good.
 * What a start says of earlier epochs is believed from the first signed word of that epoch on.
 */
export async function hearSources(
  events: readonly SourceEvent[],
  tx: Transaction,
  known: { readonly publicKeyOf: PublicKeyOf; readonly nowMs: number },
): Promise<{ readonly unverified: number }> {
  const ofGateways = events.filter(({ source }) => source.startsWith(GATEWAYS));
  if (ofGateways.length === 0) return { unverified: 0 };
  const named = ofGateways.flatMap((event) => [
    event.source,
    ...(event.type === 'tollgate.source.started.v1' ? event.data.previous.map(({ source }) => source) : []),
  ]);
  const sources = await lockSources(tx, named);
  // A start of an earlier batch may have named others.
  const claimed = [...sources.values()].flatMap((source) => source.claims.map((claim) => claim.source));
  const missing = claimed.filter((name) => !sources.has(name));
  if (missing.length > 0)
    for (const [name, source] of await lockSources(tx, missing)) sources.set(name, source);
  const before = new Map(sources);
  let unverified = 0;
  for (const event of ofGateways) {
    const source = sources.get(event.source);
    if (source === undefined) continue;
    if (event.type === 'tollgate.source.started.v1') sources.set(source.name, withClaims(source, event));
    else if (isBelieved(event, known.publicKeyOf)) hear(sources, source, event, known.nowMs);
    else unverified += 1;
  }
  await updateSources(
    tx,
    [...sources.values()].filter((source) => before.get(source.name) !== source),
  );
  return { unverified };
}

function hear(
  sources: Map<string, UsageSource>,
  source: UsageSource,
  event: Exclude<SourceEvent, { type: 'tollgate.source.started.v1' }>,
  nowMs: number,
): void {
  // A clock that is ahead must not make a word younger than it is.
  const atMs = Math.min(Date.parse(event.time), nowMs);
  const word: Word = { through: event.data.through, usage: event.data.counts[USAGE] ?? 0, atMs };
  const told = heard(source, word);
  const isStop = event.type === 'tollgate.source.stopped.v1';
  sources.set(source.name, { ...(isStop ? ended(told, word.through, null) : told), claims: [] });
  for (const claim of source.claims) {
    const earlier = sources.get(claim.source);
    if (earlier === undefined) continue;
    const superseded = heard(earlier, { through: claim.through, usage: claim.usage, atMs });
    sources.set(claim.source, ended(superseded, claim.through, source.name));
  }
}

function withClaims(source: UsageSource, event: TollgateEvent<'tollgate.source.started.v1'>): UsageSource {
  const own = instanceOf(source.name);
  // A start that comes once more, after it has been believed, says nothing new.
  if (source.stated !== null || source.completeAtMs !== null) return source;
  return {
    ...source,
    claims: event.data.previous
      .filter((claim) => claim.source !== source.name && instanceOf(claim.source) === own)
      .map(({ source: name, through, counts }) => ({ source: name, through, usage: counts[USAGE] ?? 0 })),
  };
}

function isBelieved(
  event: Exclude<SourceEvent, { type: 'tollgate.source.started.v1' }>,
  publicKeyOf: PublicKeyOf,
): boolean {
  const { through, chain, signature } = event.data;
  const key = publicKeyOf(instanceOf(event.source));
  if (key === undefined || !isSignedBy(key, { source: event.source, through, chain, signature }))
    return false;
  if (event.type === 'tollgate.source.heartbeat.v1') return true;
  return event.sequence !== undefined && through === parseSequence(event.sequence) - 1;
}

/** `/gateways/<instance>/<epoch>` */
function instanceOf(source: string): string {
  return source.split('/')[2] ?? '';
}
