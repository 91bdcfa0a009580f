/**
 * A whole Tollgate in one process, for a first look and for one machine: `npm start`, or `tollgate start`.
 *
 * `startInstallation` starts the embedded Postgres on the data folder, brings every schema and the embedded bus up to
 * date, starts each service as its own `run` command would (on the same environment variables, in this process), and
 * makes at the first start what a first request needs: tokens, an organisation with a team and a key, list prices.
 * A terminal shows the steps and then one `curl` line that works; everything else goes to one log file. Commands find
 * the Tollgate that runs, and the token of the folder's owner, by `localConnection`.
 *
 * Cost: see docs/performance.md. Nothing is polled but by the services themselves.
 *
 * Invariants: one Tollgate per data folder; a key or token is on no screen and in no list of processes, but in files
 * that their owner alone can read; Postgres is started again when it dies; what a killed process leaves behind, its
 * Postgres included, is taken up by the next start; ending takes less than five seconds and loses nothing.
 *
 * Known limits: a service that fails beyond repair ends the process, and so all others; the owner's token holds every
 * role, so duties are not kept apart on one machine; services listen on 127.0.0.1, only the gateway's address can be
 * chosen.
 */
export { startCommand } from './command.ts';
export { localConnection } from './find-connection.ts';
