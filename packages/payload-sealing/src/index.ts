/**
 * What gateways and the payload vault have to agree on: how a prompt or an answer is sealed, and how it travels.
 *
 * A batch is one HPKE context (RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM) to the vault's public
 * key with many messages, each of them as many payloads as came together. Each payload carries its facts, and the random
 * salt of its digest (HMAC-SHA-256). The vault opens a batch and at once encrypts each body, with its salt, under a key of
 * its own (AES-256-GCM) that the context exports for it: another for each, which nobody else can make.
 *
 * Hot path: gathering a payload costs a copy, one HMAC and some JSON; sealing is paid once a group, and the two X25519
 * operations once a batch.
 *
 * Invariants: a body opens only under its own key, as the body of its own request and direction, and only where it has
 * the digest that its usage event carries; a group opens only at its own place in its own batch. Not one flipped bit
 * passes. The same batch gives the same keys and bytes each time it is opened. No error holds a key or a byte of a body.
 *
 * Known limits: whoever holds the vault's private key can open every batch ever sealed to it that he kept: hence its
 * rotation, and TLS on the way. HPKE's base mode does not say who sealed; the gateway's token does.
 */
export { type OpenedPayload, openBatch, wholeBytes } from './batch-reader.ts';
export { BatchSealer, type SealedGroup } from './batch-writer.ts';
export { PayloadSealingError, type PayloadSealingErrorCode } from './errors.ts';
export { type PayloadDirection, type PayloadFacts, payloadDirection } from './facts.ts';
export { openGcm, sealGcm } from './hpke.ts';
export { decryptPayload, openPayload, PAYLOAD_KEY_BYTES } from './payload.ts';
export {
  formatSealingKey,
  newUnsealingKey,
  readSealingKey,
  readUnsealingKey,
  type SealingKey,
  type UnsealingKey,
} from './sealing-key.ts';
