import { type Command, Option } from 'commander';

/** The filters of a search and of an export, as options of a command. */
export interface FilterFlags {
  readonly requestId?: string;
  readonly team?: string;
  readonly organisation?: string;
  readonly principal?: string;
  readonly key?: string;
  readonly project?: string;
  readonly costCentre?: string;
  readonly model?: string;
  readonly outcome?: string;
  readonly code?: string;
  readonly policy?: string;
  readonly finding?: string;
  readonly action?: string;
  readonly text?: string;
  readonly type?: string;
  readonly source?: string;
  readonly from?: string;
  readonly to?: string;
}

const OPTIONS = [
  new Option('--request-id <id>'),
  new Option('--team <id>'),
  new Option('--organisation <id>'),
  new Option('--principal <id>', 'a person or a service principal'),
  new Option('--key <id>', 'an API key'),
  new Option('--project <id>'),
  new Option('--cost-centre <id>'),
  new Option('--model <name>', 'requested or served'),
  new Option('--outcome <outcome>', 'such as denied, completed, aborted'),
  new Option('--code <code>', 'of a refusal'),
  new Option('--policy <name>', 'of a configuration, its digest, or a policy that found something'),
  new Option('--finding <rule>', 'or <policy>/<rule>'),
  new Option('--action <action>', 'of an admin event, such as api-key.create'),
  new Option('--text <beginning>', 'the beginning of any identifier'),
  new Option('--type <type>', 'such as tollgate.usage.v1'),
  new Option('--source <source>'),
  new Option('--from <instant>', 'RFC 3339, when it happened'),
  new Option('--to <instant>', 'the same, not included'),
];

/** Adds the filters to a command. */
export function withFilters(command: Command): Command {
  for (const option of OPTIONS) command.addOption(option);
  return command;
}

/** The same as query members. */
export function filterMembers(flags: FilterFlags): Record<string, string | undefined> {
  const { requestId, costCentre, text, team, organisation, principal, key, project, model, ...rest } = flags;
  const { outcome, code, policy, finding, action, type, source, from, to } = rest;
  return {
    request_id: requestId,
    cost_centre: costCentre,
    q: text,
    team,
    organisation,
    principal,
    key,
    project,
    model,
    outcome,
    code,
    policy,
    finding,
    action,
    type,
    source,
    from,
    to,
  };
}
