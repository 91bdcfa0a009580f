import { Command } from 'commander';
import { z } from 'zod';
import { eraseCommand } from './erase-command.ts';
import { holdCommand } from './hold-command.ts';
import { revealCommand } from './reveal-command.ts';
import { print, vaultClient } from './vault-client.ts';

/** `tollgate audit hold`, `erase`, `reveal`, `rotate-keys` and `sealing-key`. */
export function vaultCommands(): Command[] {
  return [
    holdCommand(),
    eraseCommand(),
    revealCommand(),
    new Command('rotate-keys')
      .description("have another master key wrap the payload vault's keys, and destroy the one before")
      .requiredOption('--reason <text>', 'recorded in the audit trail')
      .option('--json', 'one JSON object')
      .action(rotate),
    new Command('sealing-key')
      .description('print the public key that gateways seal payloads to')
      .option('--json', 'one JSON object')
      .action(sealingKey),
  ];
}

async function rotate({ reason, json }: { readonly reason: string; readonly json?: boolean }): Promise<void> {
  const rotation = await vaultClient().call({
    method: 'POST',
    path: '/v1/payloads/key-rotations',
    body: { reason },
    answer: z.object({ rewrapped: z.int(), old_keys_destroyed: z.boolean() }),
  });
  print(json, rotation, [
    `${rotation.rewrapped} keys of teams and days are wrapped anew`,
    rotation.old_keys_destroyed
      ? 'the master key before is destroyed: older copies of the key files open nothing; make a new backup of the vault'
      : 'now take the older keys out of AUDIT_VAULT_MASTER_KEY, and make a new backup of the vault',
  ]);
}

async function sealingKey({ json }: { readonly json?: boolean }): Promise<void> {
  const key = await vaultClient().call({
    method: 'GET',
    path: '/v1/payloads/sealing-key',
    answer: z.object({ key_id: z.string(), public_key: z.string() }),
  });
  print(json, key, [key.public_key]);
}
