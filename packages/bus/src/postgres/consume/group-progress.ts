import type { Statements } from '../log.ts';

/** Tells the bus how far a group has come, which registers it: nothing is merged that it has yet to read. */
export async function noteProgress(
  database: Statements,
  group: string,
  positions: readonly { readonly topic: string; readonly partition: number; readonly next: bigint }[],
): Promise<void> {
  if (positions.length === 0) return;
  await database.query({
    name: 'bus.note_progress',
    text: 'SELECT bus.note_progress($1, $2, $3, $4)',
    values: [
      group,
      positions.map(({ topic }) => topic),
      positions.map(({ partition }) => partition),
      positions.map(({ next }) => String(next)),
    ],
  });
}
