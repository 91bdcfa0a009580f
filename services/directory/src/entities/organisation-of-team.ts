import { DIRECTORY_PROBLEMS, refuseField } from '../errors.ts';
import type { Values, WriteContext } from './entity-kind.ts';

/**
 * The values with the organisation that their `team_id` belongs to.
 *
 * @throws HttpProblem 422 `unknown_reference` where there is no such team
 */
export async function withOrganisationOfTeam(values: Values, { tx }: WriteContext): Promise<Values> {
  const { rows } = await tx.query<{ organisation_id: string }>(
    'SELECT organisation_id FROM team WHERE id = $1',
    [values['team_id']],
  );
  const team = rows[0];
  if (team === undefined) throw refuseField(DIRECTORY_PROBLEMS.unknownReference, 'team_id', 'is no team');
  return { ...values, organisation_id: team.organisation_id };
}
