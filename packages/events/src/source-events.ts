import { z } from 'zod';
import { instant, sourceName } from './envelope.ts';

const count = z.int().min(0);
const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);

/** How far a source has come: everything up to `through` is stored durably at the source. */
export const progress = {
  through: count,
  /** Events per type in 1..through. */
  counts: z.record(z.string(), count),
  /** h(n) = SHA-256(h(n−1) ‖ bytes of event n), h(0) = 32 zero bytes; this is h(through). */
  chain: sha256Hex,
};

/** A spool was opened: the first event of an epoch. */
export const sourceStartedData = z.looseObject({
  instance: z.string().max(64),
  /** The Ed25519 public key of the instance, base64 of its 32 bytes; the directory registered it. */
  public_key: z.string().max(64),
  software_version: z.string().max(64),
  /** Earlier epochs on this spool that are still answered for, newest first. */
  previous: z.array(z.looseObject({ source: sourceName, ...progress })).max(1024),
});
export type SourceStartedData = z.infer<typeof sourceStartedData>;

/** Every five seconds; not numbered. The signature is Ed25519 over `heartbeatSigningInput`. */
export const sourceHeartbeatData = z.looseObject({
  instance: z.string().max(64),
  ...progress,
  signature: z.string().max(128),
});
export type SourceHeartbeatData = z.infer<typeof sourceHeartbeatData>;

/** The last event of an epoch that ended in order. Its `through` is its own number minus one. */
export const sourceStoppedData = z.looseObject({
  instance: z.string().max(64),
  ...progress,
  signature: z.string().max(128),
});
export type SourceStoppedData = z.infer<typeof sourceStoppedData>;

/** What a source knows it can't tell: numbers it can't send again, or traffic it let pass unrecorded. */
export const sourceGapData = z.looseObject({
  instance: z.string().max(64),
  reason: z.enum(['spool-full', 'spool-corrupt', 'spool-expired']),
  source: sourceName,
  from: count,
  to: count,
  unrecorded_requests: count,
  since: instant,
  until: instant,
});
export type SourceGapData = z.infer<typeof sourceGapData>;

/** The exact bytes that a heartbeat's or stop's signature covers. */
export function heartbeatSigningInput(source: string, through: number, chain: string): Buffer {
  return Buffer.from(`tollgate/source/v1\n${source}\n${through}\n${chain}\n`);
}
