/**
 * The directory: who may call, whom it is charged to, and who may do what.
 *
 * Organisations, teams, projects, cost centres, people, programs, groups, roles, keys and tokens are rows of Postgres,
 * changed over a REST API. Each change is one transaction with the row, the entity's new state for the compacted
 * `directory` topic, and an `admin` event that says who did it; gateways and services follow the topic into memory
 * (`DirectoryView` in packages/http) and decide from there, without asking the directory. A heartbeat every second
 * tells them that their state is current.
 *
 * Cost: nothing on the way of a request. A change takes one transaction of some six statements.
 *
 * Invariants: a key's or token's secret leaves once, in the answer that made it, and only its SHA-256 is kept; what
 * refers to something refers within its organisation (foreign keys see to that); a version counts up with each
 * change, and a change decided on an older one is refused; a role for a while needs a second person; nothing is
 * changed without its admin event.
 *
 * Known limits: the whole directory is held in memory by each process that follows it, some kilobytes per hundred
 * entities; a deleted entity is gone from the API (the audit trail has its history).
 */

export { createDirectory, type DirectoryOptions } from './app.ts';
export { BOOTSTRAP_PRINCIPAL } from './bootstrap.ts';
export { DirectoryClient, type DirectoryClientOptions } from './client/directory-client.ts';
export { directoryClientCommands, directoryCommand } from './commands.ts';
export { type DirectoryConfig, readDirectoryConfig } from './config.ts';
export { DIRECTORY_PROBLEMS } from './errors.ts';
export { directoryMigrations } from './migrations.ts';
