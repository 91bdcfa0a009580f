/**
 * What an installation in containers has to have before its services start: passwords that nobody chose or wrote down
 * (`tollgate setup secrets`), and the gateways' own token (`tollgate setup tokens`). Schemas and topics are made by
 * `tollgate database migrate` and `tollgate topics init`.
 *
 * Each reader of secrets has a folder of its own, which is a volume in docker-compose.yml: whoever is given a folder
 * may read it, and is given no other. Everything is repeatable: what is there stays, what is missing is made, and what
 * follows from something else is written again.
 *
 * Known limits: Postgres takes its owner's password when its data folder is made, and not again: that one can't be
 * replaced by removing the file.
 */
export { setupCommand } from './command.ts';
