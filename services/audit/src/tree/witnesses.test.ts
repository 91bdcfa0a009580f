import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLogger } from '@tollgate/telemetry';
import { seededRandom } from '@tollgate/testing';
import {
  cosigner,
  formatSignatureLine,
  formatVerifierKey,
  openCheckpoint,
  parseAddCheckpoint,
  parseNote,
  readVerifier,
  readWitness,
  verifyConsistency,
} from '@tollgate/transparency-log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogWriter } from '../log/writer.ts';
import { type TestSource, testSource } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { readPublication } from './publication.ts';
import { readWitnesses, Witnesses, type WitnessOutcome } from './witnesses.ts';

const random = seededRandom(4);
const TIMEOUT_MS = 5_000;

/** A witness as C2SP tlog-witness has it: it cosigns what continues what it has seen, and nothing else. */
class TestWitness {
  readonly signer = cosigner('witness.example/w1', new Uint8Array(32).fill(5), () => 1_772_000_000n);
  size = 0n;
  root: Uint8Array = new Uint8Array();
  hangs = false;
  requests = 0;
  readonly #server: Server;

  constructor(stand: Stand) {
    const log = {
      origin: stand.signers.origin,
      logKeys: stand.signers.verifierKeys.map(readVerifier),
    };
    this.#server = createServer(async (req, res) => {
      this.requests += 1;
      if (this.hangs) return;
      const body = Buffer.concat(await Array.fromAsync(req));
      const { oldSize, proof, checkpoint } = parseAddCheckpoint(body);
      const { size, root } = openCheckpoint(checkpoint, log).checkpoint;
      if (req.url !== '/w/add-checkpoint') return void res.writeHead(404).end();
      if (oldSize !== this.size) return void res.writeHead(409).end(`${this.size}\n`);
      if (oldSize > 0n && !verifyConsistency(oldSize, size, proof, this.root, root)) {
        return void res.writeHead(422).end();
      }
      this.size = size;
      this.root = root;
      const signature = this.signer.sign(Buffer.from(parseNote(checkpoint).text));
      res.end(formatSignatureLine({ ...this.signer.key, signature }));
    });
  }

  get key(): string {
    return formatVerifierKey(this.signer.key);
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `${this.key} http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/w/`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let stand: Stand;
let witness: TestWitness;
let line = '';
let source: TestSource;
let outcomes: WitnessOutcome[];
let nowMs = 0;

beforeEach(async () => {
  stand = await openStand();
  witness = new TestWitness(stand);
  line = await witness.listen();
  source = testSource(random, '/gateways/gw-1/e1');
  outcomes = [];
});
afterEach(async () => {
  await witness.close();
  await stand.close();
});

function asked(timeoutMs = TIMEOUT_MS): Witnesses {
  return new Witnesses({
    witnesses: readWitnesses(`# ours\n${line}\n`),
    tiles: stand.tiles,
    timeoutMs,
    logger: createLogger({ service: 'audit', level: 'silent' }),
    onOutcome: (_, outcome) => outcomes.push(outcome),
    now: () => nowMs,
  });
}

async function grow(count: number, witnesses: Witnesses): Promise<void> {
  const before = source.events.length;
  for (let i = 0; i < count; i += 1) source.usage();
  await stand.deliver(source.events.slice(before));
  await stand.integrate({ witnesses });
}

async function published(quorum: number): Promise<bigint> {
  const { checkpoint = '' } = (await readPublication(stand.pool)) ?? {};
  const opened = openCheckpoint(checkpoint, {
    origin: stand.signers.origin,
    logKeys: stand.signers.verifierKeys.map(readVerifier),
    witnesses: [readWitness(witness.key)],
    quorum,
  });
  return opened.checkpoint.size;
}

describe('a witness', () => {
  it('cosigns every checkpoint that is published, each as a continuation of the last', async () => {
    const witnesses = asked();
    for (const count of [300, 5, 400]) await grow(count, witnesses);
    expect(await published(1)).toBe(705n);
    expect(witness.size).toBe(705n);
    await stand.assertWhole();
  });

  it('is asked from where it stands, by a log that does not know', async () => {
    await grow(300, asked());
    // As after a restart.
    await grow(10, asked());
    expect(await published(1)).toBe(310n);
    await LogWriter.begin(stand.writerOptions({ witnesses: asked() }));
    expect(await published(1)).toBe(310n);
    expect(outcomes.every((outcome) => outcome === 'cosigned')).toBe(true);
  });

  it('that hangs holds a checkpoint up for no longer than is said, and is then left alone for a while', async () => {
    witness.hangs = true;
    const witnesses = asked(60);
    await grow(5, witnesses);
    expect(await published(0)).toBe(5n);
    const { requests } = witness;
    await grow(5, witnesses);
    expect(witness.requests).toBe(requests);
    expect(outcomes).toEqual(['failed']);
    witness.hangs = false;
    nowMs += 20_000;
    await grow(5, witnesses);
    expect(await published(1)).toBe(15n);
  });

  it('that has seen a longer log is an alarm, and the log goes on without it', async () => {
    witness.size = 1_000n;
    await grow(5, asked());
    expect(outcomes).toEqual(['refused']);
    expect(await published(0)).toBe(5n);
  });

  it('of another name is not believed', async () => {
    const stranger = cosigner('witness.example/w1', new Uint8Array(32).fill(6), () => 1n);
    line = line.replace(witness.key, formatVerifierKey(stranger.key));
    await grow(5, asked());
    expect(outcomes).toEqual(['failed']);
    await expect(published(1)).rejects.toMatchObject({ code: 'too-few-cosignatures' });
  });

  it.each(['nonsense', 'a+b https://x.example', 'key', 'a b c'])(
    'is not taken from the line "%s"',
    (text) => {
      expect(() => readWitnesses(text)).toThrow(expect.objectContaining({ code: 'witness' }));
    },
  );
});
