import type { Command } from 'commander';
import type { EntityKind } from '../entities/entity-kind.ts';
import type { DirectoryClient } from './directory-client.ts';
import type { EntityClient } from './entity-client.ts';

type Flags = Readonly<Record<string, unknown>>;
/** A flag, what it means, and the member of the API that it fills. */
type Option = {
  readonly flag: string;
  readonly text: string;
  readonly member: string;
  readonly required?: boolean;
};

/** One noun of the command line. */
export type EntityCommand = {
  readonly name: string;
  readonly noun: string;
  readonly description: string;
  readonly columns: readonly string[];
  readonly filters: readonly Option[];
  readonly deletion: 'delete' | 'revoke';
  readonly create?: {
    readonly options: (command: Command) => void;
    readonly run: (client: DirectoryClient, flags: Flags) => Promise<object>;
  };
  readonly list: (client: DirectoryClient, flags: Flags) => AsyncIterable<object>;
  readonly get: (client: DirectoryClient, id: string) => Promise<object>;
  readonly delete: (client: DirectoryClient, id: string) => Promise<void>;
};

const name = { flag: '--name <name>', text: 'name', member: 'name', required: true };
const org = { flag: '--org <id>', text: 'organisation', member: 'organisation_id' };
const ofOrg = { ...org, required: true };
const team = { flag: '--team <id>', text: 'team', member: 'team_id' };
const ofTeam = { ...team, required: true };
const project = { flag: '--project <id>', text: 'project', member: 'project_id' };
const costCentre = { flag: '--cost-centre <id>', text: 'cost centre', member: 'cost_centre_id' };
const expires = {
  flag: '--expires <instant>',
  text: 'until when, such as 2030-01-31T12:00:00Z',
  member: 'expires_at',
};
const groupIds = { flag: '--group <ids...>', text: 'groups', member: 'group_ids' };
const principalType = { flag: '--principal-type <type>', text: 'user or service', member: 'principal_type' };
const principal = { flag: '--principal <id>', text: 'whom it stands for', member: 'principal_id' };

export const ENTITY_COMMANDS: readonly EntityCommand[] = [
  entry('org', 'organisation', (client) => client.organisations, {
    create: [
      name,
      { flag: '--currency <code>', text: 'such as EUR', member: 'currency', required: true },
      {
        flag: '--time-zone <name>',
        text: 'that bills follow; UTC unless given',
        member: 'billing_time_zone',
      },
    ],
    columns: ['id', 'name', 'currency', 'billing_time_zone'],
  }),
  entry('cost-centre', 'cost centre', (client) => client.costCentres, {
    create: [
      ofOrg,
      name,
      { flag: '--code <code>', text: 'as the books know it', member: 'code', required: true },
      { flag: '--parent <id>', text: 'cost centre above', member: 'parent_id' },
    ],
    filters: [org],
    columns: ['id', 'code', 'name', 'parent_id'],
  }),
  entry('team', 'team', (client) => client.teams, {
    create: [ofOrg, name, costCentre],
    filters: [org],
    columns: ['id', 'name', 'organisation_id', 'cost_centre_id'],
  }),
  entry('project', 'project', (client) => client.projects, {
    create: [ofTeam, name, costCentre],
    filters: [org, team],
    columns: ['id', 'name', 'team_id', 'cost_centre_id'],
  }),
  entry('group', 'group', (client) => client.groups, {
    create: [ofOrg, name],
    filters: [org],
    columns: ['id', 'name', 'organisation_id'],
  }),
  entry('group-role', 'group role', (client) => client.groupRoles, {
    create: [
      ofOrg,
      { flag: '--group <id>', text: 'group', member: 'group_id', required: true },
      { flag: '--role <name>', text: 'role', member: 'role', required: true },
      team,
    ],
    filters: [org, { flag: '--group <id>', text: 'group', member: 'group_id' }],
    columns: ['id', 'group_id', 'role', 'team_id'],
  }),
  entry('user', 'user', (client) => client.users, {
    create: [
      ofOrg,
      name,
      { flag: '--subject <subject>', text: 'at the identity provider', member: 'external_subject' },
      groupIds,
    ],
    filters: [org],
    columns: ['id', 'name', 'organisation_id', 'group_ids'],
  }),
  entry('service-principal', 'service principal', (client) => client.servicePrincipals, {
    create: [ofOrg, name, groupIds],
    filters: [org],
    columns: ['id', 'name', 'organisation_id', 'group_ids'],
  }),
  entry('key', 'API key', (client) => client.apiKeys, {
    deletion: 'revoke',
    create: [
      ofTeam,
      name,
      project,
      costCentre,
      { ...principalType, text: 'user or service, with --principal; otherwise the key stands for itself' },
      principal,
      { flag: '--tag <name=value...>', text: 'cost-allocation tags', member: 'tags' },
      expires,
    ],
    filters: [org, team, project],
    columns: ['id', 'name', 'team_id', 'project_id', 'expires_at'],
  }),
  entry('token', 'access token', (client) => client.accessTokens, {
    deletion: 'revoke',
    create: [
      { ...org, text: 'organisation; the whole installation unless given' },
      { ...principalType, required: true },
      { ...principal, required: true },
      name,
      { flag: '--role <names...>', text: 'roles', member: 'roles' },
      { flag: '--scope <names...>', text: 'scopes', member: 'scopes' },
      { ...team, text: 'narrows everything to one team' },
      expires,
    ],
    filters: [org, principal],
    columns: ['id', 'name', 'principal_id', 'roles', 'scopes', 'expires_at'],
  }),
];

type EntryOptions = {
  readonly create: readonly Option[];
  readonly filters?: readonly Option[];
  readonly columns: readonly string[];
  readonly deletion?: EntityCommand['deletion'];
};

function entry<K extends EntityKind>(
  command: string,
  noun: string,
  calls: (client: DirectoryClient) => EntityClient<K>,
  { create, filters = [], columns, deletion = 'delete' }: EntryOptions,
): EntityCommand {
  return {
    name: command,
    noun,
    description: `${noun}s of the directory`,
    columns,
    filters,
    deletion,
    create: {
      options(subcommand) {
        for (const { flag, text, required } of create) {
          if (required === true) subcommand.requiredOption(flag, text);
          else subcommand.option(flag, text);
        }
      },
      // The directory checks what it is given, and names the member at fault.
      run: (client, flags) => calls(client).create(membersOf(create, flags) as never),
    },
    list: (client, flags) => calls(client).list(membersOf(filters, flags) as never),
    get: (client, id) => calls(client).get(id),
    delete: (client, id) => calls(client).delete(id),
  };
}

function membersOf(options: readonly Option[], flags: Flags): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  for (const { flag, member } of options) {
    const value = flags[camelCase(/^--([a-z-]+)/.exec(flag)?.[1] ?? '')];
    if (value !== undefined) members[member] = member === 'tags' ? tagsOf(value) : value;
  }
  return members;
}

/** Commander gives `--cost-centre` as `costCentre`. */
function camelCase(flag: string): string {
  return flag.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function tagsOf(values: unknown): Record<string, string> {
  if (!Array.isArray(values)) return {};
  return Object.fromEntries(
    values.map((value: unknown) => {
      const [tag = '', ...rest] = String(value).split('=');
      return [tag, rest.join('=')];
    }),
  );
}
