import type { Command } from 'commander';

/** A command as `tollgate --help` lists it; its code is loaded only when it is called. */
export interface CatalogueEntry {
  readonly description: string;
  readonly load: () => Promise<Command>;
}

/** The directory's nouns: each creates, lists, shows and deletes over its API. */
const NOUNS = {
  org: 'organisations',
  'cost-centre': 'cost centres',
  team: 'teams',
  project: 'projects',
  group: 'groups',
  'group-role': 'the standing roles of groups',
  user: 'people',
  'service-principal': 'programs',
  key: 'API keys for the gateway',
  token: "access tokens for the services' APIs",
  grant: 'roles for a while, which a second person approves',
} as const;

async function nounCommand(name: string): Promise<Command> {
  const { directoryClientCommands } = await import('@tollgate/directory/commands');
  const command = directoryClientCommands().find((candidate) => candidate.name() === name);
  if (command === undefined) throw new Error(`the directory has no command ${name}`);
  return command;
}

/** Every command of `tollgate`, by name. */
export const CATALOGUE: Readonly<Record<string, CatalogueEntry>> = {
  start: {
    description: 'a whole Tollgate in this process',
    load: async () => (await import('../start/index.ts')).startCommand(),
  },
  gateway: {
    description: 'the OpenAI-compatible gateway',
    load: async () => (await import('@tollgate/gateway/commands')).gatewayCommand(),
  },
  policy: {
    description: 'policy-config.yaml: check it, see what it would do',
    load: async () => {
      const { adviseByCatalog } = await import('@tollgate/catalog');
      const { guardSampleAnswer } = await import('@tollgate/gateway');
      return (await import('@tollgate/policy/commands')).policyCommand(adviseByCatalog, guardSampleAnswer);
    },
  },
  models: {
    description: 'which models there are: status, lifecycle, standards; choose one and keep the record',
    load: async () => (await import('@tollgate/catalog/commands')).modelsCommand(),
  },
  directory: {
    description: 'who may call: organisations, teams, people, keys',
    load: async () => (await import('@tollgate/directory/commands')).directoryCommand(),
  },
  ...Object.fromEntries(
    Object.entries(NOUNS).map(([name, description]) => [
      name,
      { description, load: () => nounCommand(name) },
    ]),
  ),
  audit: {
    description: 'the audit trail',
    load: async () => (await import('@tollgate/audit/commands')).auditCommand(),
  },
  chargeback: {
    description: 'prices, charges and reports',
    load: async () => (await import('@tollgate/chargeback/commands')).chargebackCommand(),
  },
  report: {
    description: 'what each team used and what it costs',
    load: async () => (await import('@tollgate/chargeback/commands')).reportCommand(),
  },
  prices: {
    description: 'the price book',
    load: async () => (await import('@tollgate/chargeback/commands')).pricesCommand(),
  },
  budgets: {
    description: 'limits, shared by all gateways',
    load: async () => (await import('@tollgate/budgets/commands')).budgetsCommand(),
  },
  limits: {
    description: 'what may be used, by whom, per minute, hour, day or month',
    load: async () => (await import('@tollgate/budgets/commands')).limitsCommand(),
  },
  'databricks-sync': {
    description: 'delivery of charges and audit events to Databricks SQL',
    load: async () => (await import('@tollgate/databricks-sync/commands')).databricksSyncCommand(),
  },
  databricks: {
    description: 'the tables in Databricks SQL',
    load: async () => (await import('@tollgate/databricks-sync/commands')).databricksCommand(),
  },
  topics: {
    description: 'the Kafka topics',
    load: async () => (await import('@tollgate/bus/commands')).topicsCommand(),
  },
  'dead-letters': {
    description: 'messages that could not be read',
    load: async () => (await import('@tollgate/bus/commands')).deadLettersCommand(),
  },
  database: {
    description: "the services' schemas and roles in Postgres",
    load: async () => (await import('../database/command.ts')).databaseCommand(),
  },
  setup: {
    description: 'what an installation in containers has to have before its services start',
    load: async () => (await import('../setup/index.ts')).setupCommand(),
  },
  'simulated-databricks': {
    description: 'serving endpoints whose token counts are known exactly',
    load: async () => (await import('@tollgate/simulated-databricks/commands')).simulatedDatabricksCommand(),
  },
  replay: {
    description: 'send a recorded trace and compare what every place holds with it',
    load: async () => (await import('../replay/command.ts')).replayCommand(),
  },
};
