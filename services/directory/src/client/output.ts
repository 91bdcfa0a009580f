export type SayOptions = {
  readonly json: boolean;
  /** Members of a line for people, in order. */
  readonly columns: readonly string[];
};

/** One entity on standard output: a line of JSON, or its columns between tabs, and a secret on a line of its own. */
export function say(
  entity: object,
  options: SayOptions,
  write: (text: string) => unknown = (text) => process.stdout.write(text),
): void {
  if (options.json) {
    write(`${JSON.stringify(entity)}\n`);
    return;
  }
  const members: Readonly<Record<string, unknown>> = { ...entity };
  const cells = options.columns.map((column) => text(members[column]));
  write(`${cells.join('\t')}\n`);
  if (typeof members['secret'] === 'string') write(`${members['secret']}\n`);
}

function text(value: unknown): string {
  if (value === null || value === undefined) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
