/**
 * What gateways and the payload vault have to agree on: how a prompt or an answer is sealed, and how it travels.
 *
 * Each body is encrypted under a random key of its own (AES-256-GCM), together with the random salt of its digest
 * (HMAC-SHA-256); the key is sealed to the vault's public key by HPKE (RFC 9180: DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256, AES-256-GCM). A batch is one HPKE context with many records. The vault opens the keys alone and keeps the
 * bodies as they came, so that storing a payload never decrypts it.
 *
 * Hot path: sealing costs two AES-GCM passes, one HMAC and some JSON, about 15 µs for a body of 2 KB; the two
 * X25519 operations are paid once a batch.
 *
 * Invariants: a body opens only under its own key, as the body of its own request and direction, and only where it has
 * the digest that its usage event carries; a sealed key opens only with the very facts it was sealed with, at its own
 * place in its own batch. Not one flipped bit passes. No error holds a key or a byte of a body.
 *
 * Known limits: facts (ids, instants, sizes) are not secret, and travel in the clear within the batch. Whoever holds the
 * vault's private key can open every batch ever sealed to it that he kept: hence its rotation, and TLS on the way.
 * HPKE's base mode does not say who sealed; the gateway's token does.
 */
export { type OpenedRecord, openBatch, wholeBytes } from './batch-reader.ts';
export { BatchSealer, type SealedRecord } from './batch-writer.ts';
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
