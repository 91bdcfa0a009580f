const ROUNDS = 15;
const TEXT_CHARS = 2_048;

const PROSE = `The quarterly report shows that revenue in the northern region grew by 12 percent compared with last year, while
operating costs stayed flat. Write a PySpark query for the seven-day rolling average of sales by region, join it with
the product catalogue and explain each step, with the trade-offs of window functions and self joins. `;
const LETTER = `Please write to Maria Garcia at maria.garcia@example.com or call +49 30 901820 about invoice 20240115. ${PROSE}`;
const PROGRAM = `def load(path):
    frame = spark.read.format("delta").load(path)
    return frame.filter(col("order_date") >= "2024-01-15").groupBy("region_id").agg(sum("amount").alias("total_42"))
`;
const GERMAN = `Der Quartalsbericht zeigt, dass der Umsatz in der Region Nord um zwölf Prozent gegenüber dem Vorjahr gewachsen ist,
während die Kosten gleich geblieben sind. Bitte erkläre die Abfrage und schreibe das Ergebnis in eine Tabelle. `;

/** Texts of 2 KB on which costs are measured: what is usual, and what the policies find something in. */
export const MEASURED_TEXTS: Readonly<Record<string, string>> = {
  prose: sized(PROSE),
  'prose with people': sized(LETTER),
  program: sized(PROGRAM),
  German: sized(GERMAN),
};

function sized(text: string): string {
  return text.repeat(Math.ceil(TEXT_CHARS / text.length)).slice(0, TEXT_CHARS);
}

/**
 * What a task costs in CPU time of this thread, in microseconds: the median of the rounds.
 *
 * @param runs how often it is done in each round
 */
export function threadMicros(runs: number, task: () => void): number {
  const costs: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const before = process.threadCpuUsage();
    for (let count = 0; count < runs; count += 1) task();
    const { user, system } = process.threadCpuUsage(before);
    costs.push((user + system) / runs);
  }
  return costs.toSorted((one, other) => one - other)[ROUNDS >> 1] ?? 0;
}
