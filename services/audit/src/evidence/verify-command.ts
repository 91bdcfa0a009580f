import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { ConfigError } from '@tollgate/http';
import { readVerifier, readWitness, TransparencyLogError } from '@tollgate/transparency-log';
import { Command } from 'commander';
import { described } from '../completeness/commands.ts';
import { openStatement, STATEMENT_HEADER } from '../completeness/statement.ts';
import { type Demanded, verifyEvent } from '../tree/verify-event.ts';
import { type VerifiedBundle, verifyBundle } from './verify-bundle.ts';

interface Flags {
  readonly key?: readonly string[];
  readonly since?: string;
  readonly witness: readonly string[];
  readonly quorum?: string;
  readonly json?: true;
}

const HELP = `
BUNDLE is what \`audit export --bundle\` made, or a statement of \`audit completeness --out\`; EVENT and PROOF are what
\`audit prove\` wrote. Without --key, a bundle is judged by the key in it, whose fingerprint is printed: compare it.
Exit: 0 it holds, 1 it does not, 2 wrong use. Whether the period was complete is what the statement says.`;

/** `tollgate audit verify`. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('check, without network, a bundle, a statement, or that an event is in the log as it is')
    .argument('<file>', 'a bundle, a statement, or an event, byte for byte')
    .argument('[proof]', 'the .tlog-proof of the event')
    .option('--key <verifier key...>', 'as `tollgate audit key` prints it; several while keys rotate')
    .option('--witness <verifier key...>', 'of whoever cosigns checkpoints', [])
    .option('--quorum <witnesses>', 'how many of them must have cosigned: all unless given')
    .option('--since <file>', 'a checkpoint that you kept: the log of the bundle has to have grown out of it')
    .option('--json', 'one JSON object')
    .addHelpText('after', HELP)
    .action(verify);
}

async function verify(file: string, proof: string | undefined, flags: Flags): Promise<void> {
  const say = (json: object, text: string) =>
    process.stdout.write(flags.json === true ? `${JSON.stringify(json)}\n` : text);
  if (proof !== undefined) {
    const keys = keysOf(flags);
    const proven = verifyEvent(await readFile(file), await readFile(proof, 'utf8'), keys, demandedOf(flags));
    const { id, leafIndex, size, origin } = proven;
    say(
      { id, leaf_index: Number(leafIndex), size: Number(size), origin },
      `event ${id} is entry ${leafIndex} of the ${size} of ${origin}\n`,
    );
  } else if (await isStatement(file)) {
    const statement = openStatement(await readFile(file, 'utf8'), keysOf(flags));
    say(statement, described(statement));
  } else {
    const since = flags.since === undefined ? {} : { since: await readFile(flags.since, 'utf8') };
    const verified = await verifyBundle(bytesOf(file), {
      keys: flags.key === undefined ? [] : keysOf(flags),
      demanded: demandedOf(flags),
      ...since,
    });
    say(verified, toldOf(verified));
  }
}

function keysOf({ key }: Flags): readonly string[] {
  if (key === undefined) throw new ConfigError('--key', 'is needed: nothing else says whose log it is');
  return asked('--key', key, readVerifier);
}

/** What a flag gives, once it can be read: else nothing is wrong with what was to be checked. */
function asked(flag: string, keys: readonly string[], read: (key: string) => unknown): readonly string[] {
  try {
    for (const key of keys) read(key);
    return keys;
  } catch (error) {
    if (error instanceof TransparencyLogError)
      throw new ConfigError(flag, `is no such key: ${error.message}`);
    throw error;
  }
}

function demandedOf({ witness: witnesses, quorum: wanted }: Flags): Demanded {
  const quorum = wanted === undefined ? witnesses.length : Number(wanted);
  if (!Number.isSafeInteger(quorum) || quorum < 0 || quorum > witnesses.length) {
    throw new ConfigError('--quorum', 'is a number of the witnesses given by --witness');
  }
  return { witnesses: asked('--witness', witnesses, readWitness), quorum };
}

async function isStatement(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(
      Buffer.alloc(STATEMENT_HEADER.length),
      0,
      STATEMENT_HEADER.length,
      0,
    );
    return buffer.toString('latin1') === STATEMENT_HEADER;
  } finally {
    await handle.close();
  }
}

async function* bytesOf(file: string): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(file)) yield Buffer.from(chunk);
}

function toldOf({
  statement,
  scope,
  events,
  signedBy,
  unpinned,
  grownFrom,
  asserted,
}: VerifiedBundle): string {
  const what = scope.request_id === null ? 'the period' : `the request ${scope.request_id}`;
  const lines = [
    `authentic: ${events} events, all that the log counted of ${what}`,
    ...signedBy.map(
      ({ key, fingerprint }) => `signed by ${key.split('+')[0]}, key fingerprint ${fingerprint}`,
    ),
    ...(unpinned
      ? ['the key came with the bundle: compare its fingerprint with the one you kept, or give --key']
      : []),
    ...(grownFrom === null ? [] : [`grown out of the checkpoint of ${grownFrom} entries`]),
    asserted === null
      ? 'no gateway told what its configuration asserts of data handling'
      : `assertions of data handling: assertions.json, from ${asserted} proven events`,
  ];
  return `${lines.join('\n')}\n${described(statement)}`;
}
