/**
 * The audit trail: what happened, whether that is all of it, and where each word of it lies.
 *
 * A consumer puts every event of every topic into an inbox. One integrator at a time (an advisory lock elects it, an
 * epoch in `log_state` fences it) gives them leaf indexes without a hole, appends their exact bytes with a salt each
 * to archive segments, syncs those, and in one transaction moves the rows from the inbox to the index. What sources
 * say of themselves in signed heartbeats is held against what came: gaps, lost tails, and a chain over the bytes.
 *
 * Invariants: index, archive and `log_state` agree, whatever crashes where; leaf indexes are contiguous; the first
 * event to claim a number or an id keeps it, and the other is kept as a conflict; the service's role can't change or
 * delete rows of the log; nothing that can't be verified moves a source's state; archived bytes are the published
 * bytes.
 *
 * Cost: some 50 µs of our CPU per event of a kilobyte, from topic to index; Postgres takes 16 µs more for the move into
 * the index, in batches of two thousand. A single event is indexed 60 to 80 ms after it was published.
 *
 * Known limits: a source's missing numbers are kept as ranges, so a source that leaves every other number out costs
 * memory in proportion; the index is one table, not yet partitioned by month.
 */
export { type AuditParts, createAudit } from './app.ts';
export { openFileSegments } from './archive/file-segments.ts';
export type { SegmentStore } from './archive/segment-store.ts';
export { type AuditConfig, readAuditConfig } from './config.ts';
export { AuditError, type AuditErrorCode } from './errors.ts';
export { type InboxEvent, parseInboxEvent } from './inbox/inbox-event.ts';
export { receive } from './inbox/receive.ts';
export { auditMigrations } from './migrations.ts';
