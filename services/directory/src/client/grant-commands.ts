import { Command } from 'commander';
import type { DirectoryClient } from './directory-client.ts';
import { say } from './output.ts';

const COLUMNS = ['id', 'version', 'principal_id', 'role', 'team_id', 'approved_by', 'expires_at', 'reason'];

type RequestFlags = {
  readonly org: string;
  readonly principal: string;
  readonly role: string;
  readonly team?: string;
  readonly reason: string;
  readonly expires: string;
  readonly json?: boolean;
};

/** `tollgate grant request|approve|list|revoke`. */
export function grantCommands(connect: () => DirectoryClient): Command {
  const command = new Command('grant').description('roles for a while, which a second person approves');
  command
    .command('request')
    .description('ask for a role for a while')
    .requiredOption('--org <id>', 'organisation')
    .requiredOption('--principal <id>', 'user or service principal that gets the role')
    .requiredOption('--role <name>', 'role')
    .option('--team <id>', 'for this team alone')
    .requiredOption('--reason <text>', 'why')
    .requiredOption('--expires <instant>', 'until when, such as 2030-01-31T12:00:00Z')
    .option('--json', 'say it in a line of JSON')
    .action(async (flags: RequestFlags) => {
      const grant = await connect().requestGrant({
        organisation_id: flags.org,
        principal_id: flags.principal,
        role: flags.role,
        team_id: flags.team ?? null,
        reason: flags.reason,
        expires_at: flags.expires,
      });
      say(grant, { json: flags.json === true, columns: COLUMNS });
    });
  command
    .command('approve <id>')
    .description("approve somebody else's request")
    .option('--json', 'say it in a line of JSON')
    .action(async (id: string, flags: { json?: boolean }) => {
      const client = connect();
      const { version } = await client.roleGrants.get(id);
      say(await client.approveGrant(id, version), { json: flags.json === true, columns: COLUMNS });
    });
  command
    .command('list')
    .description('list grants, requested and approved')
    .option('--principal <id>', 'of this user or service principal')
    .option('--json', 'one line of JSON each')
    .action(async (flags: { principal?: string; json?: boolean }) => {
      const filters = flags.principal === undefined ? {} : { principal_id: flags.principal };
      for await (const grant of connect().roleGrants.list(filters)) {
        say(grant, { json: flags.json === true, columns: COLUMNS });
      }
    });
  command
    .command('revoke <id>')
    .description('end a grant, or withdraw a request')
    .action((id: string) => connect().roleGrants.delete(id));
  return command;
}
