/**
 * Sends a recorded trace through a gateway and compares what every place holds with what was sent.
 *
 * The trace says how long each prompt and answer was; the simulated upstream counts words and generates as many as it
 * is asked for, so the totals are known exactly. A row is sent until its client has seen a whole answer. Afterwards the
 * archive of the audit service and the charges are read, request by request, and matched by the `x-request-id`s that
 * were sent: those answered have to equal the trace, those abandoned have to be equal in every place.
 *
 * Known limits: an upstream that counts otherwise makes totals differ, and rightly so; every request id and total of
 * a replay is held in memory (some 300 bytes a row).
 */
export { ReplayError } from './errors.ts';
export { type ReplayOptions, type ReplayReport, type ReplayTarget, replay } from './run.ts';
export { type Installation, prepareInstallation } from './setup.ts';
export { readTrace, type TraceRow } from './trace.ts';
