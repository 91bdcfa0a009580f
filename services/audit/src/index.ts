/**
 * The audit trail: what happened, whether that is all of it, and where each word of it lies.
 *
 * A consumer puts every event of every topic into an inbox. One integrator at a time (an advisory lock elects it, an
 * epoch in `log_state` fences it) gives them leaf indexes without a hole, appends their exact bytes with a salt each
 * to archive segments, syncs those, and in one transaction moves the rows from the inbox to the log's table. What sources
 * say of themselves in signed heartbeats is held against what came: gaps, lost tails, and a chain over the bytes.
 *
 * The same transaction moves the root of the Merkle tree over all leaves. Behind it a publisher writes tiles and entry
 * bundles of what is committed, and publishes a signed checkpoint (C2SP tlog-tiles, below `/log`).
 *
 * An indexer follows the published checkpoints and makes what is asked: a search index by month, counts per source and
 * quarter of an hour, and the requests that are not settled. From these come searches, exports, signed statements of
 * completeness, and evidence bundles that hold without us. Everything in them can be made again from the archive.
 *
 * The payload vault keeps prompts and answers, each encrypted under a key of its own. Gateways seal them; rows say where key
 * and body lie, files hold them, and an erasure overwrites both. Holds, reveals, retention and rotation are admin events.
 *
 * Invariants: no key and no byte of a payload is ever in Postgres; every published checkpoint is an ancestor of every later one; tiles hold committed entries alone; index, archive and `log_state` agree, whatever crashes where; leaf indexes are contiguous; the first
 * event to claim a number or an id keeps it, and the other is kept as a conflict; the service's role can't change or
 * delete rows of the log; nothing that can't be verified moves a source's state; archived bytes are the published
 * bytes.
 *
 * Cost: some 80 µs of our CPU per event of a kilobyte from topic to index, and 60 of Postgres, on a very busy machine where one process does it all: then an
 * event is read once and handed on in memory (docs/decisions/0028). 7 are for the tree and its files. A single event is in the log 60 to 80 ms
 * after it was published; checkpoints are 200 ms apart at least. Copies of events on their way take 60 MB at most.
 *
 * Known limits: a source's missing numbers are kept as ranges, so a source that leaves every other number out costs
 * memory in proportion; events are found half a second after they came. A log that is older than its tree is read
 * once from the archive before its writer goes on.
 */
export { type AuditParts, createAudit } from './app.ts';
export { openFileSegments } from './archive/file-segments.ts';
export type { SegmentStore } from './archive/segment-store.ts';
export { type AuditConfig, readAuditConfig } from './config.ts';
export { AuditError, type AuditErrorCode } from './errors.ts';
export { type InboxEvent, parseInboxEvent } from './inbox/inbox-event.ts';
export { receive } from './inbox/receive.ts';
export { auditMigrations } from './migrations.ts';
export { openFileTiles } from './tree/file-tiles.ts';
export { type LogSigners, openLogSigners } from './tree/log-signers.ts';
export type { TileStore } from './tree/tile-store.ts';
