import { DirectoryClient } from '@tollgate/directory';
import { ServiceClient, ServiceError } from '@tollgate/http';
import { z } from 'zod';
import { bootstrapTokenFile } from '../stack/environment.ts';
import { makeGatewayToken } from '../stack/gateway-token.ts';
import { importListPrices } from '../stack/list-prices.ts';
import { whenKnown } from '../stack/when-known.ts';
import { DEMO_MODEL } from './default-policy.ts';
import { StartError } from './errors.ts';
import type { Home } from './home.ts';
import { readSecretFile, writeSecretFile } from './secret-file.ts';

const ORGANISATION = 'My organisation';
const TEAM = 'My team';
const PROJECT = 'First steps';
/** Of the team, on one day: enough for a first look, and an end to a loop that got away. */
const DAILY_TOKENS = '1000000';

/**
 * Makes the tokens of a first start, where they are not there or belong to another database: one for whoever owns the
 * folder, which may do everything, and the gateway's own.
 *
 * @returns the owner's token
 * @throws StartError `token-lost`
 */
export async function ensureTokens(home: Home, directoryUrl: string): Promise<string> {
  const kept = readSecretFile(home.ownerToken);
  if (kept !== null && (await isKnown(directoryUrl, kept))) return kept;
  const bootstrap = readSecretFile(bootstrapTokenFile(home.folder));
  if (bootstrap === null || !(await isKnown(directoryUrl, bootstrap))) {
    throw new StartError(
      'token-lost',
      `neither ${home.ownerToken} nor ${bootstrapTokenFile(home.folder)} opens the directory: put one of them back, or remove ${home.folder} to begin anew`,
    );
  }
  const directory = new DirectoryClient({ baseUrl: directoryUrl, token: bootstrap });
  const gatewayToken = await makeGatewayToken(directory);
  const owner = await directory.accessTokens.create({
    principal_type: 'service',
    principal_id: 'owner',
    name: 'owner of the data folder',
    roles: ['platform', 'finance', 'security'],
  });
  // Last, since it is what the next start goes by.
  writeSecretFile(home.gatewayToken, `${gatewayToken}\n`);
  writeSecretFile(home.ownerTokenHeader, `authorization: Bearer ${owner.secret}\n`);
  writeSecretFile(home.ownerToken, `${owner.secret}\n`);
  return owner.secret;
}

/**
 * Makes what a first request needs: prices, an organisation, a team with a limit, a project, a key that the gateway
 * knows.
 * Does nothing where the key of an earlier start still opens the gateway.
 *
 * @returns whether anything was made
 */
export async function ensureDemo(
  home: Home,
  urls: Readonly<Record<'directory' | 'chargeback' | 'budgets' | 'gateway', string>>,
  ownerToken: string,
): Promise<boolean> {
  const imported = await ensurePrices(urls.chargeback, ownerToken);
  const kept = readSecretFile(home.demoKey);
  if (kept !== null && (await opens(urls.gateway, kept))) return imported;
  const directory = new DirectoryClient({ baseUrl: urls.directory, token: ownerToken });
  const organisation =
    (await named(directory.organisations.list(), ORGANISATION)) ??
    (await directory.organisations.create({ name: ORGANISATION, currency: 'USD', billing_time_zone: 'UTC' }));
  const team =
    (await named(directory.teams.list({ organisation_id: organisation.id }), TEAM)) ??
    (await directory.teams.create({ organisation_id: organisation.id, name: TEAM }));
  const project =
    (await named(directory.projects.list({ team_id: team.id }), PROJECT)) ??
    (await directory.projects.create({ team_id: team.id, name: PROJECT }));
  await ensureLimit(urls.budgets, ownerToken, { organisation_id: organisation.id, scope: { team: team.id } });
  const { secret } = await directory.apiKeys.create({
    team_id: team.id,
    project_id: project.id,
    name: 'demo',
  });
  writeSecretFile(home.demoKeyHeader, `authorization: Bearer ${secret}\n`);
  writeSecretFile(home.demoKey, `${secret}\n`);
  await whenKnown(() => listModels(urls.gateway, secret));
  return true;
}

/** The public list prices, into a price book that is empty. */
async function ensurePrices(chargebackUrl: string, token: string): Promise<boolean> {
  const chargeback = new ServiceClient({ baseUrl: chargebackUrl, token });
  const page = z.object({ items: z.array(z.unknown()) });
  const { items } = await whenKnown(() =>
    chargeback.call({ method: 'GET', path: '/v1/prices', query: { limit: 1 }, answer: page }),
  );
  if (items.length > 0) return false;
  await importListPrices({ chargebackUrl, token });
  return true;
}

async function ensureLimit(
  budgetsUrl: string,
  token: string,
  whose: { readonly organisation_id: string; readonly scope: { readonly team: string } },
): Promise<void> {
  const budgets = new ServiceClient({ baseUrl: budgetsUrl, token });
  const body = { ...whose, unit: 'total-tokens', window: 'day', amount: DAILY_TOKENS };
  try {
    await whenKnown(() => budgets.call({ method: 'POST', path: '/v1/limits', body, answer: z.unknown() }));
  } catch (error) {
    // Of a first start that was broken off.
    if (!(error instanceof ServiceError) || error.code !== 'limit_exists') throw error;
  }
}

/** A limit to look at; null where there is none. */
export async function someLimit(budgetsUrl: string, token: string): Promise<string | null> {
  const budgets = new ServiceClient({ baseUrl: budgetsUrl, token });
  const page = z.object({ items: z.array(z.object({ limit_id: z.string() })) });
  const { items } = await whenKnown(() =>
    budgets.call({ method: 'GET', path: '/v1/limits', query: { limit: 1 }, answer: page }),
  );
  return items[0]?.limit_id ?? null;
}

async function named<T extends { readonly name: string }>(
  all: AsyncIterable<T>,
  name: string,
): Promise<T | undefined> {
  for await (const one of all) if (one.name === name) return one;
  return undefined;
}

/** What the demo key can ask the gateway for: the chat model of the default policy, where it is served; null where nothing is. */
export async function servedModel(gatewayUrl: string, home: Home): Promise<string | null> {
  const key = readSecretFile(home.demoKey);
  if (key === null) return null;
  const { data } = await listModels(gatewayUrl, key);
  const ids = data.map(({ id }) => id);
  return ids.includes(DEMO_MODEL) ? DEMO_MODEL : (ids[0] ?? null);
}

const modelList = z.object({ data: z.array(z.object({ id: z.string() })) });

function listModels(gatewayUrl: string, key: string): Promise<z.output<typeof modelList>> {
  const gateway = new ServiceClient({ baseUrl: gatewayUrl, token: key });
  return gateway.call({ method: 'GET', path: '/v1/models', answer: modelList });
}

function opens(gatewayUrl: string, key: string): Promise<boolean> {
  return accepted(() => listModels(gatewayUrl, key));
}

function isKnown(directoryUrl: string, token: string): Promise<boolean> {
  const { organisations } = new DirectoryClient({ baseUrl: directoryUrl, token });
  return accepted(() => organisations.list().next());
}

/** Whether the credential was let in. */
async function accepted(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    if (error instanceof ServiceError && error.status === 401) return false;
    throw error;
  }
}
