import { createHash } from 'node:crypto';
import {
  openCheckpoint,
  openNote,
  PrunedTree,
  readVerifier,
  readWitness,
  TransparencyLogError,
  verifyConsistency,
} from '@tollgate/transparency-log';
import { z } from 'zod';
import { openStatement, type Statement } from '../completeness/statement.ts';
import { AuditError } from '../errors.ts';
import { isObject, objectAt, textAt } from '../exports/exported-event.ts';
import { type EventFacts, factsOf } from '../indexing/event-facts.ts';
import { type Demanded, leafOfEvent } from '../tree/verify-event.ts';
import { type EvidenceScope, earlier, FILES, scope, treeFile, treeLine } from './layout.ts';
import { Manifest } from './manifest.ts';
import { EvidenceSummary } from './summary.ts';
import { readTar } from './tar.ts';
import { verifyAssertions } from './verify-assertions.ts';

/** What a bundle has shown. */
export interface VerifiedBundle {
  readonly statement: Statement;
  readonly scope: EvidenceScope;
  /** Events that it shows. */
  readonly events: number;
  /** The verifier keys that signed it, with the SHA-256 of each, in hex. */
  readonly signedBy: readonly { readonly key: string; readonly fingerprint: string }[];
  /** Whether those keys came with the bundle alone, and so prove nothing until somebody compares their fingerprint. */
  readonly unpinned: boolean;
  /** The size of an earlier checkpoint that it was shown to have grown out of; null: of none. */
  readonly grownFrom: number | null;
  /** Configurations whose assertions of data handling were proven; null: the bundle holds none. */
  readonly asserted: number | null;
}

export interface BundlePolicy {
  /** Verifier keys of the log, of which one has to have signed; empty: those in the bundle. */
  readonly keys: readonly string[];
  /** A checkpoint that the auditor kept. */
  readonly since?: string;
  /** Whose cosignatures the checkpoint needs. */
  readonly demanded?: Demanded;
}

/**
 * Judges a bundle: no network, no clock, nothing but the keys. Every byte of it counts.
 * @throws AuditError `bundle_invalid`, whose message says what does not fit
 */
export async function verifyBundle(
  chunks: AsyncIterable<Buffer>,
  policy: BundlePolicy,
): Promise<VerifiedBundle> {
  const files = new Files(readTar(chunks));
  try {
    return await judged(files, policy);
  } catch (error) {
    if (error instanceof AuditError && error.code === 'bundle_invalid') throw error;
    if (error instanceof TransparencyLogError || error instanceof AuditError)
      throw invalid(`${files.judged}: ${error.message}`, error);
    if (error instanceof SyntaxError || error instanceof z.ZodError)
      throw invalid(`${files.judged} is not what was written there: it can't be read`, error);
    throw error;
  }
}

async function judged(files: Files, policy: BundlePolicy): Promise<VerifiedBundle> {
  await files.take(FILES.readme);
  const own = linesOf(await files.take(FILES.keys));
  const ownKeys = own.map(readVerifier);
  const keys = policy.keys.length > 0 ? policy.keys : own;
  const logKeys = keys.map(readVerifier);
  const about = scope.parse(JSON.parse(text(await files.take(FILES.scope))));
  const statement = openStatement(text(await files.take(FILES.statement)), keys);
  const note = text(await files.take(FILES.checkpoint));
  const { witnesses, quorum } = policy.demanded ?? { witnesses: [], quorum: 0 };
  const { checkpoint } = openCheckpoint(note, {
    origin: statement.log,
    logKeys,
    witnesses: witnesses.map(readWitness),
    quorum,
  });
  const root = Buffer.from(checkpoint.root);
  if (
    Number(checkpoint.size) !== statement.checkpoint.size ||
    root.toString('base64') !== statement.checkpoint.root
  ) {
    throw invalid('the statement was counted over another checkpoint than the one beside it');
  }
  if (
    (statement.request?.request_id ?? null) !== about.request_id ||
    statement.organisation_id !== about.organisation_id
  ) {
    throw invalid('the statement is about something else than the bundle');
  }
  const before = files.next() === FILES.earlier ? await files.take(FILES.earlier) : null;
  const grownFrom = grown(
    before,
    { size: checkpoint.size, root: checkpoint.root },
    policy,
    logKeys,
    statement.log,
  );

  const tree = new PrunedTree();
  const shown = new Shown(statement, about);
  for (let nth = 0; files.next() === treeFile(nth) || nth === 0; nth += 1) {
    for (const line of linesOf(await files.take(treeFile(nth)))) takeLine(tree, shown, line);
  }
  if (tree.size !== checkpoint.size || !Buffer.from(tree.root()).equals(root)) {
    throw invalid(
      'its events and hashes do not come to the root that was signed: one was changed, left out or put in',
    );
  }
  shown.assertAll();
  const { summary } = shown;
  const asserted =
    files.next() === FILES.inForce
      ? verifyAssertions(
          {
            told: linesOf(await files.take(FILES.inForce)),
            asserted: text(await files.take(FILES.assertions)),
          },
          summary.policyDigests(),
          { size: checkpoint.size, root },
        )
      : null;
  for (const [name, said] of [
    [FILES.configuration, summary.configuration()],
    [FILES.dataHandling, summary.dataHandling()],
  ] as const) {
    if (text(await files.take(name)) !== said) throw invalid(`${name} is not what the events say`);
  }
  const signedManifest = text(await files.take(FILES.manifest));
  assertSigned(files.manifest, signedManifest, ownKeys, logKeys);
  await files.end();
  return {
    statement,
    scope: about,
    events: shown.events,
    signedBy: own.map((key) => ({ key, fingerprint: createHash('sha256').update(key).digest('hex') })),
    unpinned: policy.keys.length === 0,
    grownFrom,
    asserted,
  };
}

/** The files in their order, and what the manifest has to say of them. */
class Files {
  readonly #tar: AsyncGenerator<{ readonly name: string; readonly bytes: Buffer }>;
  #peeked: { readonly name: string; readonly bytes: Buffer } | null = null;
  #judged = '';
  readonly #manifest = new Manifest();

  constructor(tar: AsyncGenerator<{ readonly name: string; readonly bytes: Buffer }>) {
    this.#tar = tar;
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  /** The file that was taken last. */
  get judged(): string {
    return this.#judged;
  }

  /** The name of the file that comes next, once one has been taken; null at the end. */
  next(): string | null {
    return this.#peeked?.name ?? null;
  }

  async take(name: string): Promise<Buffer> {
    const file = this.#peeked ?? (await this.#read());
    if (file?.name !== name) {
      throw invalid(
        file === null ? `it lacks ${name}` : `${name} is missing, or not in its place: ${file.name} is there`,
      );
    }
    this.#judged = name;
    if (name !== FILES.manifest) this.#manifest.add(name, file.bytes);
    this.#peeked = await this.#read();
    return file.bytes;
  }

  async end(): Promise<void> {
    if (this.#peeked !== null) throw invalid('it holds a file too many');
  }

  async #read(): Promise<{ readonly name: string; readonly bytes: Buffer } | null> {
    const next = await this.#tar.next();
    return next.done === true ? null : next.value;
  }
}

/** The events that a bundle shows, held against what its statement counted. */
class Shown {
  readonly summary = new EvidenceSummary();
  readonly #statement: Statement;
  readonly #scope: EvidenceScope;
  readonly #counts = new Map<string, number>();
  #events = 0;

  constructor(statement: Statement, about: EvidenceScope) {
    this.#statement = statement;
    this.#scope = about;
  }

  get events(): number {
    return this.#events;
  }

  take(leaf: number, bytes: Buffer): void {
    const json: unknown = JSON.parse(bytes.toString('utf8'));
    const event = isObject(json) ? json : {};
    const facts = factsOf(bytes);
    const { request_id: requestId, organisation_id: organisationId } = this.#scope;
    const { from, to } = this.#statement.period;
    const within = facts.happenedMs >= Date.parse(from) && facts.happenedMs < Date.parse(to);
    const belongs =
      requestId === null
        ? within
        : textAt(event, 'subject') === requestId ||
          textAt(objectAt(event, 'data'), 'request_id') === requestId;
    if (!belongs || (organisationId !== null && facts.organisationId !== organisationId)) {
      throw invalid(`the event at leaf ${leaf} does not belong to what the bundle is about`);
    }
    const key = this.#keyOf(facts);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    this.#events += 1;
    this.summary.add(leaf, event);
  }

  /** @throws AuditError `bundle_invalid` where it shows more or fewer events of any kind than were counted */
  assertAll(): void {
    const { request, sources } = this.#statement;
    const counted = new Map<string, number>();
    if (request !== undefined) {
      for (const [type, n] of Object.entries(request.counts)) counted.set(JSON.stringify([type]), n);
    } else {
      for (const { source, counts } of sources) {
        for (const [type, n] of Object.entries(counts)) counted.set(JSON.stringify([type, source]), n);
      }
    }
    for (const key of new Set([...counted.keys(), ...this.#counts.keys()])) {
      const [is, should] = [this.#counts.get(key) ?? 0, counted.get(key) ?? 0];
      if (is !== should)
        throw invalid(`it shows ${is} events of ${key} where the statement counted ${should}`);
    }
  }

  #keyOf({ type, source }: EventFacts): string {
    return JSON.stringify(this.#scope.request_id === null ? [type, source] : [type]);
  }
}

function takeLine(tree: PrunedTree, shown: Shown, json: string): void {
  const line = treeLine.parse(JSON.parse(json));
  if (JSON.stringify(line) !== json) throw invalid('a line of its tree is not as it was written');
  if ('hash' in line) {
    tree.add({ level: line.level, index: BigInt(line.index) }, Buffer.from(line.hash, 'base64'));
    return;
  }
  const event = Buffer.from(line.event, 'base64');
  const { hash } = leafOfEvent(event, Buffer.from(line.salt, 'base64'));
  tree.add({ level: 0, index: BigInt(line.leaf) }, hash);
  shown.take(line.leaf, event);
}

/** The size of the earlier checkpoint that this one has grown out of. */
function grown(
  file: Buffer | null,
  now: { readonly size: bigint; readonly root: Uint8Array },
  policy: BundlePolicy,
  logKeys: Parameters<typeof openCheckpoint>[1]['logKeys'],
  origin: string,
): number | null {
  if (file === null) {
    if (policy.since !== undefined)
      throw invalid('it proves no growth since your checkpoint: export it again with --since');
    return null;
  }
  const proof = earlier.parse(JSON.parse(text(file)));
  const hashes = proof.consistency.map((hash) => Buffer.from(hash, 'base64'));
  const notes = [policy.since, proof.checkpoint ?? undefined].filter((note) => note !== undefined);
  if (notes.length === 0) return null;
  for (const note of notes) {
    const { checkpoint } = openCheckpoint(note, { origin, logKeys });
    if (Number(checkpoint.size) !== proof.size) {
      throw invalid(
        `it proves growth since ${proof.size} entries, and your checkpoint has ${checkpoint.size}: export it again with --since`,
      );
    }
    if (!verifyConsistency(checkpoint.size, now.size, hashes, checkpoint.root, now.root)) {
      throw invalid(
        `its log is another one than that of the checkpoint of ${checkpoint.size} entries: history was rewritten`,
      );
    }
  }
  return proof.size;
}

type Verifiers = readonly ReturnType<typeof readVerifier>[];

/** Every signature has to be one of the bundle's own keys, so that none may change unseen. */
function assertSigned(manifest: Manifest, note: string, own: Verifiers, trusted: Verifiers): void {
  const { text: signed, verified, signatures } = openNote(note, own);
  openNote(note, trusted);
  if (signed !== manifest.text) {
    throw invalid(`${manifest.differing(signed) ?? 'the list of its files'} is not the one that was signed`);
  }
  if (verified.length !== signatures.length)
    throw invalid('it bears a signature of a key that it does not name');
}

function text(bytes: Buffer): string {
  return bytes.toString('utf8');
}

function linesOf(bytes: Buffer): string[] {
  return text(bytes)
    .split('\n')
    .filter((line) => line !== '');
}

function invalid(what: string, cause?: Error): AuditError {
  return new AuditError('bundle_invalid', what, cause === undefined ? {} : { cause });
}
