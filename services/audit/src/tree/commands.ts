import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { configuredClient, type ServiceClient } from '@tollgate/http';
import { Command } from 'commander';
import { z } from 'zod';
import { DEFAULT_PORT } from '../config.ts';
import { makeLogKey } from './log-signers.ts';

/** `tollgate audit key` and `prove`. */
export function proofCommands(): Command[] {
  return [
    new Command('key')
      .description(
        "print the log's verifier keys: keep them where whoever runs the service can't change them",
      )
      .option(
        '--new <file>',
        "make another signing key of the log there, for a rotation, and print that one's",
      )
      .action(key),
    new Command('prove')
      .description('fetch an event with the proof that it is in the log: <id>.json and <id>.tlog-proof')
      .argument('<event-id>')
      .option('--out <folder>', 'where to write them', '.')
      .action(prove),
  ];
}

async function key({ new: file }: { readonly new?: string }): Promise<void> {
  const { keys, origin } = await client().call({
    method: 'GET',
    path: '/log',
    answer: z.object({ keys: z.array(z.string()), origin: z.string() }),
  });
  if (file !== undefined) {
    process.stdout.write(`${await makeLogKey(file, origin)}\n`);
    return;
  }
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

function client(): ServiceClient {
  return configuredClient(process.env, 'TOLLGATE_AUDIT_URL', DEFAULT_PORT);
}
