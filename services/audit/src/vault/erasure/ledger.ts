import { mkdir, readFile, truncate } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { isMissing } from '../../files/error-code.ts';
import { syncFolder } from '../../files/sync-folder.ts';
import { writeSynced } from '../../files/whole-file.ts';
import { payloadScope } from '../scope.ts';

const entry = z.strictObject({
  erasure_id: z.uuid(),
  scope: payloadScope,
  reason: z.string(),
  erased_by: z.string(),
  erased_at: z.iso.datetime(),
});
/** One erasure, as it was asked for: what it named, never what it erased. */
export type LedgerEntry = z.infer<typeof entry>;

/**
 * What was ever erased on request, one JSON object a line, in a file that is never restored from an older backup: a
 * database that is knows from it what to erase again.
 */
export interface ErasureLedger {
  /** Durable when it resolves. */
  append(entry: LedgerEntry): Promise<void>;
  read(): Promise<LedgerEntry[]>;
}

/** A line that a killed process left half-written was never acted on, and is cut off. */
export async function openErasureLedger(file: string): Promise<ErasureLedger> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const whole = (await text(file)).lastIndexOf('\n') + 1;
  if (whole < (await text(file)).length)
    await truncate(file, Buffer.byteLength((await text(file)).slice(0, whole)));
  return {
    async append(added) {
      await writeSynced(file, 'a', (handle) => handle.writeFile(`${JSON.stringify(added)}\n`));
      await syncFolder(path.dirname(file));
    },
    async read() {
      const lines = (await text(file)).split('\n').filter((line) => line !== '');
      return lines.map((line) => entry.parse(JSON.parse(line)));
    },
  };
}

async function text(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
}
