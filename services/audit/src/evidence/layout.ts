import { z } from 'zod';

/** The files of a bundle, in their order. Entries come in parts between `TREE_FILES` and `SUMMARY_FILES`. */
export const FILES = {
  readme: 'README.md',
  keys: 'log.keys',
  scope: 'scope.json',
  statement: 'statement.note',
  checkpoint: 'checkpoint',
  earlier: 'earlier.json',
  inForce: 'in-force.ndjson',
  assertions: 'assertions.json',
  configuration: 'configuration.json',
  dataHandling: 'data-handling.json',
  manifest: 'manifest.note',
} as const;

/** `tree/000000.ndjson`, `tree/000001.ndjson` and so on. */
export function treeFile(nth: number): string {
  return `tree/${String(nth).padStart(6, '0')}.ndjson`;
}

/** First line of the manifest's text: no checkpoint and no other text that the log's key signs begins so. */
export const MANIFEST_HEADER = 'tollgate.evidence/v1';

/** What a bundle is about. */
export const scope = z.strictObject({
  version: z.literal(1),
  /** The request whose events it shows; null: all events of the statement's period. */
  request_id: z.string().nullable(),
  /** Shows this organisation's alone; null: everybody's. */
  organisation_id: z.string().nullable(),
});
export type EvidenceScope = z.infer<typeof scope>;

/** An earlier checkpoint, and the proof that the bundle's grew out of it. */
export const earlier = z.strictObject({
  size: z.int().min(1),
  /** The checkpoint itself, where the log has kept it; else its holder brings it. */
  checkpoint: z.string().nullable(),
  /** RFC 9162 consistency proof, in base64. */
  consistency: z.array(z.base64()),
});

/** An event by which a gateway said what configuration it put in force, with its salt and its inclusion proof (RFC 9162). */
export const inForceLine = z.strictObject({
  leaf: z.int().min(0),
  salt: z.base64(),
  event: z.base64(),
  inclusion: z.array(z.base64()),
});
export type InForceLine = z.infer<typeof inForceLine>;

/** A line of the tree: an event with its salt, or the hash of leaves that are not shown. From left to right, all of it. */
export const treeLine = z.union([
  z.strictObject({ leaf: z.int().min(0), salt: z.base64(), event: z.base64() }),
  z.strictObject({ level: z.int().min(0).max(63), index: z.int().min(0), hash: z.base64() }),
]);
export type TreeLine = z.infer<typeof treeLine>;
