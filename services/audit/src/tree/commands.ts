import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError, configuredClient, type ServiceClient } from '@tollgate/http';
import { Command } from 'commander';
import { z } from 'zod';
import { DEFAULT_PORT } from '../config.ts';
import { verifyEvent } from './verify-event.ts';

/** `tollgate audit key`, `prove` and `verify`. */
export function proofCommands(): Command[] {
  return [
    new Command('key')
      .description(
        "print the log's verifier keys: keep them where whoever runs the service can't change them",
      )
      .action(key),
    new Command('prove')
      .description('fetch an event with the proof that it is in the log: <id>.json and <id>.tlog-proof')
      .argument('<event-id>')
      .option('--out <folder>', 'where to write them', '.')
      .action(prove),
    new Command('verify')
      .description('check, without network, that an event is in the log as it is')
      .argument('<event>', 'the event, byte for byte')
      .argument('<proof>', 'its .tlog-proof')
      .requiredOption(
        '--key <verifier key...>',
        'as `tollgate audit key` prints it; several while keys rotate',
      )
      .option('--witness <verifier key...>', 'of whoever cosigns checkpoints', [])
      .option('--quorum <witnesses>', 'how many of them must have cosigned: all unless given')
      .action(verify),
  ];
}

async function key(): Promise<void> {
  const { keys } = await client().call({
    method: 'GET',
    path: '/log',
    answer: z.object({ keys: z.array(z.string()) }),
  });
  process.stdout.write(`${keys.join('\n')}\n`);
}

async function prove(id: string, { out }: { readonly out: string }): Promise<void> {
  const { event, proof } = await client().call({
    method: 'GET',
    path: `/v1/events/${encodeURIComponent(id)}/proof`,
    answer: z.object({ event: z.base64(), proof: z.string() }),
  });
  const files = { event: path.join(out, `${id}.json`), proof: path.join(out, `${id}.tlog-proof`) };
  await writeFile(files.event, Buffer.from(event, 'base64'));
  await writeFile(files.proof, proof);
  process.stdout.write(`${files.event}\n${files.proof}\n`);
}

async function verify(
  eventFile: string,
  proofFile: string,
  options: { readonly key: readonly string[]; readonly witness: readonly string[]; readonly quorum?: string },
): Promise<void> {
  const { key: keys, witness: witnesses } = options;
  const quorum = options.quorum === undefined ? witnesses.length : Number(options.quorum);
  if (!Number.isSafeInteger(quorum) || quorum < 0 || quorum > witnesses.length) {
    throw new ConfigError('--quorum', 'is a number of the witnesses given by --witness');
  }
  const demanded = { witnesses, quorum };
  const proven = verifyEvent(await readFile(eventFile), await readFile(proofFile, 'utf8'), keys, demanded);
  const { id, leafIndex, size, origin } = proven;
  process.stdout.write(`event ${id} is entry ${leafIndex} of the ${size} of ${origin}\n`);
}

function client(): ServiceClient {
  return configuredClient(process.env, 'TOLLGATE_AUDIT_URL', DEFAULT_PORT);
}
