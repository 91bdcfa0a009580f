/**
 * A whole Tollgate on this machine, for `tollgate replay` and for tests that kill parts of it.
 *
 * `startStack` brings up a broker (or takes a running one), an embedded Postgres with every schema, and each service as
 * a process of its own on free ports; each can be killed and started again. Everything lies in one folder.
 *
 * Cost: about fifteen seconds on two cores, 1 GB. Known limits: one broker, one gateway; for one machine only.
 */
export { StackError } from './errors.ts';
export { ServiceProcess } from './service-process.ts';
export { STACK_MODEL, type Stack, type StackOptions, startStack } from './stack.ts';
export type { StackBus, StackBusChoice } from './stack-bus.ts';
export { whenKnown } from './when-known.ts';
