/**
 * The contract between Tollgate's services: every kind of event, its schema, and the envelope it travels in.
 *
 * An event is a CloudEvents 1.0 object in structured JSON. Producers build its bytes once, under a number that
 * is contiguous per `source`; from then on the bytes never change, and consumers keep or hash exactly those.
 * `parseEvent` is for consumers that act on a kind, `parseEnvelope` for those that only keep it.
 *
 * Cost: parsing a usage event takes one `JSON.parse` and two schema checks, some ten microseconds; the gateway
 * writes its three kinds from templates instead of building objects (services/gateway).
 *
 * Invariants: unknown members are accepted and kept; an unknown major version is told apart from a malformed
 * event, because the first stops a consumer and the second goes to the dead letters; error texts name fields,
 * never values. Recorded samples of every version (samples/) are read by tests for ever.
 *
 * Known limits: an event holds at most 65,535 bytes, the size of an entry in the transparency log.
 */
export { type Attribution, attribution, type ServingMode, servingMode } from './attribution.ts';
export {
  type AccessToken,
  type ApiKey,
  type DirectoryData,
  type DirectoryEntity,
  type DirectoryKind,
  directoryEntity,
  type Role,
  role,
} from './directory-events.ts';
export {
  EMISSION_MATRIX,
  type Emission,
  emissionFaults,
  type RequestFate,
} from './emission-matrix.ts';
export {
  CONTENT_TYPE,
  type Envelope,
  formatSequence,
  MAX_EVENT_BYTES,
  parseSequence,
  SEQUENCE_DIGITS,
} from './envelope.ts';
export {
  type DataOf,
  type EventType,
  isKnownType,
  KINDS,
  STATE_TOPICS,
  TOPICS,
  type Topic,
  topicOf,
} from './kinds.ts';
export { type Parsed, parseEnvelope, parseEvent, parseInEnvelope, type TollgateEvent } from './parse.ts';
export type {
  DecisionData,
  PayloadStatement,
  Quantities,
  RejectionsData,
  RequestData,
  UsageData,
  UsageOutcome,
} from './request-events.ts';
export { type EventDraft, serializeEvent } from './serialize.ts';
export type {
  AdminData,
  ChargeData,
  ChargeLine,
  DeadLetterData,
  LimitData,
  PeriodData,
  PriceData,
  TokenClass,
} from './service-events.ts';
export {
  heartbeatSigningInput,
  type SourceGapData,
  type SourceHeartbeatData,
  type SourceStartedData,
  type SourceStoppedData,
} from './source-events.ts';
export { isSignedBy } from './source-signature.ts';
export { UsageReader } from './usage-reader.ts';
export { uuidV7 } from './uuid-v7.ts';
