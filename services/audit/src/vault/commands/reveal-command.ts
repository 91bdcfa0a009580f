import { Command } from 'commander';
import { z } from 'zod';
import { print, vaultClient } from './vault-client.ts';

/** It was asked for, and somebody else has to approve it. */
const EXIT_NEEDS_APPROVAL = 4;

const reveal = z.object({
  reveal_id: z.string(),
  request_id: z.string(),
  needs_approval: z.boolean(),
  approved_by: z.string().nullable(),
  expires_at: z.string(),
});
const content = z.object({
  payloads: z.array(
    z.object({
      direction: z.string(),
      content_type: z.string(),
      body_bytes: z.int(),
      truncated: z.boolean(),
      digest: z.string(),
      body: z.base64(),
    }),
  ),
});

interface RevealOptions {
  readonly reason?: string;
  readonly approve?: string;
  readonly read?: string;
  readonly json?: boolean;
}

/** `tollgate audit reveal`. */
export function revealCommand(): Command {
  return new Command('reveal')
    .description('read the kept prompt and answer of a request')
    .argument('[request-id]', 'asks for it, and reads it where nobody else has to approve')
    .option('--reason <text>', 'why; recorded in the audit trail')
    .option('--approve <reveal-id>', "approve somebody else's reveal")
    .option('--read <reveal-id>', 'read what was asked for before, and has been approved')
    .option('--json', 'one JSON object, with bodies in base64')
    .addHelpText(
      'after',
      `\nExit codes: 0 done; 1 refused [needs_approval, approver_not_allowed, payload_erased]; ${EXIT_NEEDS_APPROVAL} asked for, and waits for a second person.`,
    )
    .action(run);
}

async function run(this: Command, requestId: string | undefined, options: RevealOptions): Promise<void> {
  const { approve, read, reason, json } = options;
  const asked = [requestId, approve, read].filter((each) => each !== undefined);
  if (asked.length !== 1) this.error('give a request id, or --approve, or --read');
  if (approve !== undefined) await approveOne(approve, json);
  else if (read !== undefined) await readOne(read, json);
  else if (requestId !== undefined) {
    if (reason === undefined) this.error('--reason is required: it is recorded in the audit trail');
    else await ask(requestId, reason, json);
  }
}

async function ask(requestId: string, reason: string, json: boolean | undefined): Promise<void> {
  const made = await vaultClient().call({
    method: 'POST',
    path: '/v1/payloads/reveals',
    body: { request_id: requestId, reason },
    answer: reveal,
  });
  if (!made.needs_approval) return readOne(made.reveal_id, json);
  print(json, made, [
    `asked: somebody else approves it by \`tollgate audit reveal --approve ${made.reveal_id}\` until ${made.expires_at},`,
    `then \`tollgate audit reveal --read ${made.reveal_id}\` shows it`,
  ]);
  process.exitCode = EXIT_NEEDS_APPROVAL;
}

async function approveOne(revealId: string, json: boolean | undefined): Promise<void> {
  const approved = await vaultClient().call({
    method: 'POST',
    path: `/v1/payloads/reveals/${encodeURIComponent(revealId)}/approval`,
    answer: reveal,
  });
  print(json, approved, [`approved ${approved.reveal_id} for request ${approved.request_id}`]);
}

async function readOne(revealId: string, json: boolean | undefined): Promise<void> {
  const read = await vaultClient().call({
    method: 'GET',
    path: `/v1/payloads/reveals/${encodeURIComponent(revealId)}/content`,
    answer: content,
  });
  const lines = read.payloads.flatMap(({ direction, content_type, body_bytes, truncated, body }) => [
    `--- ${direction}, ${content_type}, ${body_bytes} bytes${truncated ? ', cut off' : ''}`,
    Buffer.from(body, 'base64').toString('utf8'),
  ]);
  print(json, read, lines);
}
