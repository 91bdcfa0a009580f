import { z } from 'zod';
import type { ArrowResult } from '../engine.ts';

const LENGTH_BYTES = 4;

const head = z.object({
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  rows: z.array(z.number()),
});
const opened = z.object({ session: z.string() });
const failure = z.object({
  message: z.string(),
  condition: z.string().optional(),
  sqlState: z.string().nullish(),
});

/** Reads the frames that ArrowAnswer.java writes. */
export function readAnswer(body: Buffer): ArrowResult {
  const frames: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const start = at + LENGTH_BYTES;
    at = start + body.readUInt32BE(at);
    // Spark that dies while it answers leaves a part.
    if (at > body.length) throw new Error('Spark’s answer is cut');
    frames.push(body.subarray(start, at));
  }
  const [first, schema, ...batches] = frames;
  if (first === undefined || schema === undefined) throw new Error('Spark’s answer is cut');
  const { columns, rows } = head.parse(JSON.parse(first.toString('utf8')));
  if (batches.length !== rows.length) throw new Error('Spark’s answer is cut');
  return {
    columns,
    schema,
    batches: batches.map((data, index) => ({ rows: rows[index] ?? 0, data })),
  };
}

export function readSession(body: Buffer): string {
  return opened.parse(JSON.parse(body.toString('utf8'))).session;
}

export function readFailure(body: Buffer): z.infer<typeof failure> {
  const text = body.toString('utf8');
  try {
    return failure.parse(JSON.parse(text));
  } catch {
    return { message: text === '' ? 'Spark refused the call' : text };
  }
}
