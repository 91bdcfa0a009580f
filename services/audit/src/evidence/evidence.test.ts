import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { seededRandom, temporaryFolder } from '@tollgate/testing';
import { cosigner, ed25519Signer, formatSignerKey, formatVerifierKey } from '@tollgate/transparency-log';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { auditCommand } from '../commands.ts';
import { formatStatement, openStatement } from '../completeness/statement.ts';
import { type TestApi, testApi } from '../testing/api.ts';
import { type TestSource, testSource, uuid7 } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { readLogSigners } from '../tree/log-signers.ts';
import { FILES, treeFile } from './layout.ts';
import { Manifest } from './manifest.ts';
import { readTar, type TarFile, tarEnd, tarEntry } from './tar.ts';
import { type BundlePolicy, verifyBundle } from './verify-bundle.ts';

const AT_MS = Date.parse('2026-03-01T10:00:00Z');
const HOUR = 'from=2026-03-01T10:00:00Z&to=2026-03-01T11:00:00Z';
const random = seededRandom(77);
const key = generateKeyPairSync('ed25519');
const registered = Buffer.from(String(key.publicKey.export({ format: 'jwk' })['x']), 'base64url').toString(
  'base64',
);
const requestId = uuid7(random);
const invalid = expect.objectContaining({ code: 'bundle_invalid' });

let stand: Stand;
let api: TestApi;
let gateway: TestSource;
let security: string;
let early: string;

beforeAll(async () => {
  stand = await openStand({ publicKeyOf: (instance) => (instance === 'gw-1' ? registered : undefined) });
  stand.nowMs = AT_MS + 1_000;
  api = testApi(stand);
  security = api.token({ role: 'security' });
  gateway = testSource(random, '/gateways/gw-1/e1', key);
  gateway.started();
  for (let nth = 0; nth < 2; nth += 1) gateway.emit(inForceAt('2026-02-01T00:00:00.000Z', 'a'.repeat(64)));
  gateway.emit(inForceAt('2026-02-02T00:00:00.000Z', 'b'.repeat(64)));
  // What happened at another time lies between: it is not shown.
  const other = testSource(random, '/services/directory/e1');
  other.started();
  for (let i = 0; i < 12; i += 1) {
    gateway.request(i % 2 === 0 ? 'team_a' : 'team_b', i === 5 ? requestId : uuid7(random));
    other.emit(adminAt(`2026-02-0${(i % 9) + 1}T00:00:00.000Z`));
  }
  const events = random.shuffle([...gateway.events, ...other.events]);
  await stand.deliver(events.slice(0, 10));
  await stand.integrate();
  const { rows } = await stand.pool.query<{ checkpoint: string }>('SELECT checkpoint FROM log_publication');
  early = rows[0]?.checkpoint ?? '';
  stand.nowMs = AT_MS + 2 * 3_600_000;
  await stand.deliver([...events.slice(10), gateway.heartbeat(), other.heartbeat()]);
  await stand.integrate();
});
afterAll(() => stand.close());

function adminAt(time: string) {
  return {
    type: 'tollgate.admin.v1' as const,
    id: uuid7(random),
    subject: 'team_1',
    time,
    data: {
      actor: { type: 'user' as const, id: 'user_1' },
      organisation_id: null,
      action: 'team.create',
      target: 'team_1',
      outcome: 'done' as const,
      code: null,
      reason: null,
      details: {},
    },
  };
}

/** A gateway puts a policy file in force, long before the period. */
function inForceAt(time: string, digest: string) {
  const admin = adminAt(time);
  const target = `policy/${digest}`;
  const asserted = { zero_data_retention: true, asserted_by: 'Ann, privacy', asserted_on: '2026-01-15' };
  const details = {
    policy: { name: 'default', version: '1', digest },
    catalog_digest: 'c'.repeat(64),
    part: 1,
    parts: 1,
    targets: [{ target_id: 'target_1', model: 'gpt-oss', ...asserted }],
  };
  return { ...admin, subject: target, data: { ...admin.data, action: 'policy.in-force', target, details } };
}

async function bundleOf(query: string, token = security): Promise<Buffer> {
  const answer = await api.get(`/v1/evidence?${query}`, token);
  expect(answer.status, answer.status === 200 ? '' : answer.text).toBe(200);
  return answer.bytes;
}

const verified = (bundle: Buffer, policy: Partial<BundlePolicy> = {}) =>
  verifyBundle(pieces(bundle), { keys: stand.signers.verifierKeys, ...policy });

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000);
}

async function filesOf(bundle: Buffer): Promise<TarFile[]> {
  return Array.fromAsync(readTar(pieces(bundle)));
}

/** The files as a bundle again, with a manifest that its maker, who holds the key, has signed anew. */
function signedAnew(files: readonly TarFile[], signers = stand.signers): Buffer {
  const manifest = new Manifest();
  const parts = files.filter(({ name }) => name !== FILES.manifest);
  for (const { name, bytes } of parts) manifest.add(name, bytes);
  const last = { name: FILES.manifest, bytes: Buffer.from(signers.signText(manifest.text)) };
  return Buffer.concat([...[...parts, last].map(tarEntry), tarEnd]);
}

const rewritten = (files: readonly TarFile[], name: string, edit: (text: string) => string) =>
  files.map((file) =>
    file.name === name ? { name, bytes: Buffer.from(edit(file.bytes.toString())) } : file,
  );

describe('what was asserted of data handling', () => {
  const asserted = z.object({
    configurations: z.array(z.looseObject({ leaf: z.number(), targets: z.array(z.looseObject({})) })),
    not_told: z.array(z.string()),
  });

  it('is in the bundle with who asserted it and when, proven by events that are older than the period', async () => {
    for (const query of [HOUR, `request_id=${requestId}`]) {
      const bundle = await bundleOf(query);
      expect(await verified(bundle)).toMatchObject({ asserted: 1 });
      const file = (await filesOf(bundle)).find(({ name }) => name === FILES.assertions);
      expect(asserted.parse(JSON.parse(file?.bytes.toString() ?? ''))).toEqual({
        configurations: [
          {
            policy: { name: 'default', version: '1', digest: 'a'.repeat(64) },
            catalog_digest: 'c'.repeat(64),
            part: 1,
            parts: 1,
            told_by: gateway.name,
            told_at: '2026-02-01T00:00:00.000Z',
            leaf: expect.any(Number),
            targets: [
              {
                target_id: 'target_1',
                model: 'gpt-oss',
                zero_data_retention: true,
                asserted_by: 'Ann, privacy',
                asserted_on: '2026-01-15',
              },
            ],
          },
        ],
        not_told: [],
      });
    }
  });

  it('is refused where it is not what the log holds, even if it is signed anew', async () => {
    const files = await filesOf(await bundleOf(HOUR));
    const forged = (name: string, edit: (text: string) => string) =>
      verified(signedAnew(rewritten(files, name, edit)));
    await expect(forged(FILES.assertions, (text) => text.replace('Ann', 'Bob'))).rejects.toEqual(invalid);
    await expect(forged(FILES.assertions, (text) => text.replace('true', 'false'))).rejects.toEqual(invalid);
    const edited = (edit: (event: string) => string) => (text: string) => {
      const line = JSON.parse(text);
      const event = Buffer.from(edit(Buffer.from(line.event, 'base64').toString())).toString('base64');
      return `${JSON.stringify({ ...line, event })}\n`;
    };
    const unretained = (event: string) =>
      event.replace('"zero_data_retention":true', '"zero_data_retention":false');
    await expect(forged(FILES.inForce, edited(unretained))).rejects.toEqual(invalid);
    // The configuration of another file, which is in the log, did not decide here.
    await expect(forged(FILES.inForce, (text) => text + text)).rejects.toEqual(invalid);
    await expect(forged(FILES.inForce, () => '')).rejects.toEqual(invalid);
    const without = files.filter(({ name }) => name !== FILES.inForce);
    await expect(verified(signedAnew(without))).rejects.toEqual(invalid);
    const neither = without.filter(({ name }) => name !== FILES.assertions);
    // As bundles of earlier versions are.
    expect(await verified(signedAnew(neither))).toMatchObject({ asserted: null });
  });
});

describe('a bundle of a period', () => {
  it('shows all its events and nothing else, and holds without us', async () => {
    const bundle = await bundleOf(HOUR);
    const result = await verified(bundle);
    expect(result).toMatchObject({
      events: 38,
      unpinned: false,
      grownFrom: 10,
      scope: { request_id: null, organisation_id: null },
      statement: {
        counts: { 'tollgate.usage.v1': 12, 'tollgate.source.started.v1': 2 },
        checkpoint: { size: 53 },
      },
    });
    const shown = (await filesOf(bundle)).find(({ name }) => name === treeFile(0))?.bytes.toString() ?? '';
    expect(shown.split('\n').filter((line) => line.includes('"leaf"'))).toHaveLength(38);
    expect(shown).not.toContain(Buffer.from('team.create').toString('base64').slice(0, 12));
  });

  it('is the same, byte for byte, when it is made again', async () => {
    expect(await bundleOf(HOUR)).toEqual(await bundleOf(HOUR));
  });

  it('does not survive the change of any byte', async () => {
    const bundle = await bundleOf(HOUR);
    const stride = 97;
    for (let at = random.integer(0, stride - 1); at < bundle.length; at += stride) {
      const changed = Buffer.from(bundle);
      changed[at] = (changed[at] ?? 0) ^ (1 << random.integer(0, 7));
      await expect(verified(changed), `byte ${at}`).rejects.toEqual(invalid);
    }
    await expect(verified(bundle.subarray(0, -512))).rejects.toEqual(invalid);
    await expect(verified(Buffer.concat([bundle, Buffer.alloc(512)]))).rejects.toEqual(invalid);
  }, 120_000);

  it('says which of its files was changed, or is not where it was', async () => {
    const files = await filesOf(await bundleOf(HOUR));
    const packed = (parts: readonly TarFile[]) => Buffer.concat([...parts.map(tarEntry), tarEnd]);
    await expect(verified(packed(files))).resolves.toMatchObject({ events: 38 });
    const optional: readonly string[] = [FILES.earlier, FILES.inForce, FILES.assertions];
    for (const [at, { name, bytes }] of files.entries()) {
      const first = Uint8Array.of((bytes[0] ?? 0) ^ 1);
      const changed = { name, bytes: Buffer.concat([first, bytes.subarray(1)]) };
      // These two are judged together.
      const named = name === FILES.inForce || name === FILES.assertions ? /assertions/ : name;
      await expect(verified(packed(files.toSpliced(at, 1, changed)))).rejects.toThrow(named);
      // What a bundle may lack is missed all the same, in the list of its files or by what comes next.
      const gone = expect(verified(packed(files.toSpliced(at, 1)))).rejects;
      await (optional.includes(name) ? gone.toEqual(invalid) : gone.toThrow(name));
    }
  });

  it('without one of its events is refused, even where its maker signs what is left', async () => {
    const files = await filesOf(await bundleOf(HOUR));
    const left = (edit: (lines: string[]) => string[]) =>
      signedAnew(rewritten(files, treeFile(0), (text) => `${edit(text.trimEnd().split('\n')).join('\n')}\n`));
    const isEvent = (line: string) => line.includes('"leaf"');
    // Left out.
    await expect(verified(left((lines) => lines.toSpliced(lines.findIndex(isEvent), 1)))).rejects.toThrow(
      /left out or put in/,
    );
    // Hidden below its own hash, so that the root is right.
    const hidden = left((lines) => {
      const at = lines.findIndex(isEvent);
      const { leaf }: { leaf: number } = JSON.parse(lines[at] ?? '');
      const hash = leafHashes[leaf];
      return lines.toSpliced(
        at,
        1,
        JSON.stringify({ level: 0, index: leaf, hash: hash?.toString('base64') }),
      );
    });
    await expect(verified(hidden)).rejects.toThrow(/where the statement counted/);
    // Shown twice, or another in its place.
    await expect(verified(left((lines) => lines.toSpliced(3, 0, lines[3] ?? '')))).rejects.toEqual(invalid);
    await expect(
      verified(left((lines) => lines.toSpliced(0, 2, lines[1] ?? '', lines[0] ?? ''))),
    ).rejects.toEqual(invalid);
  });

  let leafHashes: Buffer[] = [];
  beforeAll(async () => {
    const { rows } = await stand.pool.query<{ leaf_hash: Buffer }>(
      'SELECT leaf_hash FROM entry ORDER BY leaf_index',
    );
    leafHashes = rows.map(({ leaf_hash }) => leaf_hash);
  });

  it('is refused where its summaries, scope or files are not what they should be, though they are signed', async () => {
    const files = await filesOf(await bundleOf(HOUR));
    const cases: Record<string, readonly TarFile[]> = {
      configuration: rewritten(files, FILES.configuration, (text) => text.replace('"default"', '"other"')),
      handling: rewritten(files, FILES.dataHandling, (text) => text.replace('eu-west-1', 'us-east-1')),
      scope: rewritten(files, FILES.scope, (text) =>
        text.replace('"organisation_id":null', '"organisation_id":"org_1"'),
      ),
      checkpoint: rewritten(files, FILES.checkpoint, () => early),
      'a file too many': [...files.slice(0, -1), { name: 'extra', bytes: Buffer.from('x') }],
      'a file too few': files.filter(({ name }) => name !== FILES.dataHandling),
      order: [...files.slice(1, 2), ...files.slice(0, 1), ...files.slice(2)],
    };
    for (const [what, changed] of Object.entries(cases)) {
      await expect(verified(signedAnew(changed)), what).rejects.toEqual(invalid);
    }
    await expect(verified(signedAnew(files))).resolves.toMatchObject({ events: 38 });
  });

  it('of an organisation shows its events alone, all of them', async () => {
    const own = api.token({ role: 'security', organisationId: 'org_1' });
    expect(await verified(await bundleOf(HOUR, own))).toMatchObject({
      events: 36,
      scope: { organisation_id: 'org_1' },
    });
    const other = api.token({ role: 'security', organisationId: 'org_2' });
    expect(await verified(await bundleOf(HOUR, other))).toMatchObject({ events: 0 });
    const reader = api.token({ scopes: ['audit:read'] });
    expect((await api.get(`/v1/evidence?${HOUR}`, reader)).json()).toMatchObject({ code: 'scope_missing' });
  });
});

describe('a bundle of a request', () => {
  it('shows its events, all that the log counted', async () => {
    const bundle = await bundleOf(`request_id=${requestId}`);
    expect(await verified(bundle)).toMatchObject({
      events: 3,
      statement: { request: { request_id: requestId, counts: { 'tollgate.decision.v1': 1 } } },
    });
    const files = await filesOf(bundle);
    const fewer = rewritten(files, FILES.statement, (note) => {
      const made = openStatement(note, stand.signers.verifierKeys);
      const request = { request_id: requestId, counts: { 'tollgate.decision.v1': 1 } };
      return stand.signers.signText(formatStatement({ ...made, request }));
    });
    await expect(verified(signedAnew(fewer))).rejects.toThrow(/where the statement counted/);
    const none = await api.get(`/v1/evidence?request_id=${uuid7(random)}`, security);
    expect(none.json()).toMatchObject({ code: 'not_found' });
  });
});

describe('the key', () => {
  it('is given by the auditor, or its fingerprint is shown', async () => {
    const bundle = await bundleOf(HOUR);
    const foreign = formatVerifierKey(ed25519Signer(stand.signers.origin, random.bytes(32)).key);
    await expect(verified(bundle, { keys: [foreign] })).rejects.toEqual(invalid);
    expect(await verified(bundle, { keys: [] })).toMatchObject({
      unpinned: true,
      signedBy: [
        { key: stand.signers.verifierKeys[0], fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) },
      ],
    });
  });

  it('of somebody else who signs everything anew is refused where the real one is known', async () => {
    const seed = random.bytes(32);
    const forger = readLogSigners(
      formatSignerKey(ed25519Signer(stand.signers.origin, seed).key, seed),
      undefined,
    );
    const files = (await filesOf(await bundleOf(HOUR))).map((file) =>
      file.name === FILES.keys
        ? { name: file.name, bytes: Buffer.from(`${forger.verifierKeys[0]}\n`) }
        : file,
    );
    await expect(verified(signedAnew(files, forger))).rejects.toEqual(invalid);
  });
});

it('is refused where the auditor asks for witnesses that have not cosigned', async () => {
  const seed = random.bytes(32);
  const witness = formatVerifierKey(cosigner('witness.example', seed, () => 0n).key);
  const demanded = { witnesses: [witness], quorum: 1 };
  await expect(verified(await bundleOf(HOUR), { demanded })).rejects.toEqual(invalid);
});

describe('an earlier checkpoint', () => {
  it('that the auditor kept is shown to be an ancestor, and another is not', async () => {
    const bundle = await bundleOf(`${HOUR}&since=10`);
    expect(await verified(bundle, { since: early })).toMatchObject({ grownFrom: 10 });
    expect(await verified(bundle)).toMatchObject({ grownFrom: null });
    const rewrittenHistory = stand.signers.sign(10, random.bytes(32)).checkpoint;
    await expect(verified(bundle, { since: rewrittenHistory })).rejects.toThrow(/history was rewritten/);
    const later = stand.signers.sign(20, random.bytes(32)).checkpoint;
    await expect(verified(bundle, { since: later })).rejects.toThrow(/export it again/);
    const beyond = await api.get(`/v1/evidence?${HOUR}&since=500`, security);
    expect(beyond.json()).toMatchObject({ code: 'unprocessable' });
  });
});

describe('the commands', () => {
  const written: string[] = [];
  async function run(...args: string[]): Promise<string> {
    written.length = 0;
    await auditCommand().exitOverride().parseAsync(args, { from: 'user' });
    return written.join('');
  }

  it('export, and verify without the service', async () => {
    const folder = temporaryFolder('bundle');
    const out = path.join(folder, 'march.tar');
    const checkpoint = path.join(folder, 'checkpoint');
    const statement = path.join(folder, 'march.statement');
    await writeFile(checkpoint, early);
    const { url } = await api.http.listen({ host: '127.0.0.1', port: 0 });
    vi.stubEnv('TOLLGATE_AUDIT_URL', url);
    vi.stubEnv('TOLLGATE_TOKEN', security);
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
    try {
      const period = ['--from', '2026-03-01T10:00:00Z', '--to', '2026-03-01T11:00:00Z'];
      await run('export', '--bundle', out, '--since', checkpoint, ...period);
      expect(await run('completeness', '--out', statement, ...period)).toMatch(/^complete:/);
      await expect(run('export', '--bundle', out, '--team', 'team_a', ...period)).rejects.toThrow('--team');
      vi.stubEnv('TOLLGATE_AUDIT_URL', 'http://127.0.0.1:1');
      const verifierKey = stand.signers.verifierKeys[0] ?? '';
      expect(await run('verify', out, '--key', verifierKey, '--since', checkpoint)).toMatch(
        /^authentic: 38 events.*\n.*fingerprint [0-9a-f]{64}\ngrown out of the checkpoint of 10 entries\n/,
      );
      expect(await run('verify', out)).toContain('compare its fingerprint');
      expect(await run('verify', statement, '--key', verifierKey)).toMatch(/^complete: .*\n/);
      await expect(run('verify', statement)).rejects.toThrow('--key');
      const bytes = await readFile(out);
      bytes[5_000] = (bytes[5_000] ?? 0) ^ 1;
      await writeFile(out, bytes);
      await expect(run('verify', out, '--key', verifierKey)).rejects.toMatchObject({
        code: 'bundle_invalid',
      });
    } finally {
      vi.restoreAllMocks();
      vi.unstubAllEnvs();
      process.exitCode = undefined;
      await api.http.stop();
    }
  });
});
