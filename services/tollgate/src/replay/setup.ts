import { randomBytes } from 'node:crypto';
import { DirectoryClient } from '@tollgate/directory';
import { ServiceClient } from '@tollgate/http';
import { z } from 'zod';
import { whenKnown } from '../stack/when-known.ts';
import type { ReplayTeam } from './load.ts';
import type { ReplayTarget } from './run.ts';
import { COUNTED } from './sum-readers.ts';

/** Where a Tollgate runs, and a token of the role platform for it. */
export interface Installation {
  readonly gatewayUrl: string;
  readonly directoryUrl: string;
  readonly auditUrl: string;
  readonly chargebackUrl: string;
  readonly budgetsUrl: string;
  readonly databricksSyncUrl: string;
  readonly token: string;
}

/** A key that a broken-off replay left behind is of no use a day later. */
const KEY_LIFE_MS = 24 * 60 * 60 * 1000;
/** More than any trace uses: the limits are there to be counted, not to be met. */
const AMPLE = '1000000000000';

/**
 * Creates what a replay needs: an organisation of its own with teams, a project, a key and ample limits each.
 *
 * @throws ServiceError where the token lacks a scope or a service does not answer
 */
export async function prepareInstallation(
  installation: Installation,
  options: { readonly teams: number; readonly model: string },
): Promise<ReplayTarget> {
  const { directoryUrl, token } = installation;
  const directory = new DirectoryClient({ baseUrl: directoryUrl, token });
  const mark = randomBytes(3).toString('hex');
  const organisation = await directory.organisations.create({
    name: `Replay ${mark}`,
    currency: 'USD',
    billing_time_zone: 'UTC',
  });
  const expiresAt = new Date(Date.now() + KEY_LIFE_MS).toISOString();
  const teams: ReplayTeam[] = [];
  for (let n = 1; n <= options.teams; n += 1) {
    const name = `Team ${n}`;
    const team = await directory.teams.create({ organisation_id: organisation.id, name });
    const project = await directory.projects.create({ team_id: team.id, name: 'Replay' });
    const key = await directory.apiKeys.create({
      team_id: team.id,
      project_id: project.id,
      name: `replay ${mark}`,
      expires_at: expiresAt,
    });
    teams.push({ teamId: team.id, name, key: key.secret });
  }
  const budgets = new ServiceClient({ baseUrl: installation.budgetsUrl, token });
  for (const { teamId } of teams) {
    for (const unit of Object.keys(COUNTED)) {
      const body = {
        organisation_id: organisation.id,
        scope: { team: teamId },
        unit,
        window: 'month',
        amount: AMPLE,
        time_zone: 'UTC',
      };
      // The budgets service hears of a new team a moment after the directory has made it.
      await whenKnown(() => budgets.call({ method: 'POST', path: '/v1/limits', body, answer: z.unknown() }));
    }
  }
  for (const { key } of teams) {
    const gateway = new ServiceClient({ baseUrl: installation.gatewayUrl, token: key });
    await whenKnown(() => gateway.call({ method: 'GET', path: '/v1/models', answer: z.unknown() }));
  }
  return { ...installation, teams, model: options.model };
}
