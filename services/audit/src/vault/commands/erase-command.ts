import { Command } from 'commander';
import { erasureAnswer } from '../custody-answers.ts';
import { print, type ScopeOptions, scopeOf, vaultClient, withScope } from './vault-client.ts';

/** Some of what was erased was found, or could not be looked for. */
const EXIT_NOT_VERIFIED = 3;
const MIB = 1 << 20;

interface EraseOptions extends ScopeOptions {
  readonly reason: string;
  readonly verify?: boolean;
  readonly json?: boolean;
}

/** `tollgate audit erase`. */
export function eraseCommand(): Command {
  return withScope(new Command('erase'))
    .description('erase the kept prompts and answers of a team, a user or a request for good')
    .requiredOption('--reason <text>', 'recorded in the audit trail')
    .option('--verify', 'read the configured folders through, before and after, for what has to be gone')
    .option('--json', 'one JSON object')
    .addHelpText(
      'after',
      `\nExit codes: 0 erased (and verified); 1 refused, as by a legal hold [legal_hold]; ${EXIT_NOT_VERIFIED} erased, but --verify found something or could not read everything.`,
    )
    .action(erase);
}

async function erase({ reason, verify = false, json, ...scope }: EraseOptions): Promise<void> {
  const erased = await vaultClient().call({
    method: 'POST',
    path: '/v1/payloads/erasures',
    body: { scope: scopeOf(scope), reason, verify },
    answer: erasureAnswer,
  });
  const { verification } = erased;
  const lines = [`erased ${erased.payloads} payloads for good (${erased.erasure_id})`];
  if (verification !== null) {
    const { samples, files, bytes, folders, found, found_before: foundBefore, unread } = verification;
    lines.push(
      `looked for the keys, wrapped keys, ciphertexts, salts and texts of ${samples} of them: ${foundBefore} of these were there before`,
      `read ${files} files, ${Math.ceil(bytes / MIB)} MiB, in ${folders.join(', ')}`,
      found.length === 0 ? 'found none' : `FOUND ${found.length}:`,
      ...found.map(({ file, what }) => `  ${what} in ${file}`),
      ...unread.map((file) => `  not readable: ${file}`),
    );
    if (found.length > 0 || unread.length > 0) process.exitCode = EXIT_NOT_VERIFIED;
  }
  print(json, erased, lines);
}
