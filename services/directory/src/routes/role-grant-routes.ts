import { HttpProblem, PROBLEMS, type Principal, type Reach, type Route, route } from '@tollgate/http';
import { z } from 'zod';
import { assertExpiry } from '../entities/expiry.ts';
import { assertTeamRole, roleName } from '../entities/groups.ts';
import { roleGrants } from '../entities/role-grants.ts';
import { id, instant, line, version } from '../entities/values.ts';
import { DIRECTORY_PROBLEMS } from '../errors.ts';
import { assertReach, type Change, type DirectoryWriter } from '../store/directory-writer.ts';
import { assertVersion, type Row } from '../store/entity-table.ts';
import { assertFound, linksTo, onePath, shownSchema } from './entity-routes.ts';

export type RoleGrantOptions = {
  readonly writer: DirectoryWriter;
  /** The longest that a role can be granted for. */
  readonly maxGrantMs: number;
};

const MAX_REASON_LENGTH = 1_000;
const kind = roleGrants;
const shown = shownSchema(kind);

/** Asking for a role for a while, and the second person's approval. */
export function roleGrantRoutes({ writer, maxGrantMs }: RoleGrantOptions): Route[] {
  return [
    route({
      method: 'POST',
      path: `/v1/${kind.path}`,
      access: { scope: 'grants:request' },
      operationId: 'requestRoleGrant',
      summary: 'Ask for a role for a while',
      description: 'It counts once a second person has approved it.',
      tag: kind.path,
      body: z.strictObject({
        organisation_id: id,
        principal_id: id,
        role: roleName,
        team_id: id.nullable().default(null),
        reason: line(MAX_REASON_LENGTH),
        expires_at: instant,
      }),
      answers: { 201: shown },
      problems: [PROBLEMS.outOfReach, DIRECTORY_PROBLEMS.unknownReference, DIRECTORY_PROBLEMS.invalidValue],
      links: {
        201: {
          ...linksTo(kind),
          approve: { operationId: 'approveRoleGrant', parameters: { id: '$response.body#/id' } },
        },
      },
      async handle(call) {
        assertReach(kind, call.reach, call.body);
        assertTeamRole(call.body);
        const grantId = writer.newId(kind);
        const row = await writer.change(call.principal, (change) => {
          assertExpiry(call.body, change.nowMs, maxGrantMs);
          const values = { ...call.body, requested_by: call.principal.id };
          return change.create(kind, grantId, values, 'role-grant.request');
        });
        return { status: 201, headers: { location: `/v1/${kind.path}/${row.id}` }, body: row };
      },
    }),
    route({
      ...onePath(kind),
      path: `/v1/${kind.path}/:id/approve`,
      method: 'POST',
      access: { scope: 'grants:approve' },
      operationId: 'approveRoleGrant',
      summary: "Approve somebody else's request for a role",
      tag: kind.path,
      body: z.strictObject({ version }),
      answers: { 200: shown },
      problems: [
        PROBLEMS.notFound,
        PROBLEMS.versionConflict,
        DIRECTORY_PROBLEMS.grantSettled,
        DIRECTORY_PROBLEMS.approverNotAllowed,
      ],
      async handle(call) {
        const outcome = await writer.change(call.principal, (change) =>
          approve(change, call.principal, call.reach, call.params.id, call.body.version),
        );
        // Thrown only now, so that the record of the refusal is committed.
        if (outcome instanceof HttpProblem) throw outcome;
        return { status: 200, body: outcome };
      },
    }),
  ];
}

async function approve(
  change: Change,
  approver: Principal,
  reach: Reach,
  grantId: string,
  expectedVersion: number,
): Promise<Row | HttpProblem> {
  const row = assertFound(kind, await kind.store.lock(change.tx, grantId), reach);
  assertVersion(row, expectedVersion);
  if (row['approved_by'] !== null || Date.parse(String(row['expires_at'])) <= change.nowMs) {
    throw new HttpProblem(
      DIRECTORY_PROBLEMS.grantSettled,
      'the grant is approved or has expired: ask for a new one',
    );
  }
  if (approver.id === row['principal_id'] || approver.id === row['requested_by']) {
    await change.record({
      action: 'role-grant.approve',
      target: `${kind.kind}/${row.id}`,
      organisationId: String(row['organisation_id']),
      details: {},
      refusedWith: DIRECTORY_PROBLEMS.approverNotAllowed.code,
    });
    return new HttpProblem(
      DIRECTORY_PROBLEMS.approverNotAllowed,
      'a second person has to approve: neither who asked for the grant nor who gets it',
    );
  }
  const values = { approved_by: approver.id, approved_at: change.at };
  return change.update(kind, row, values, 'role-grant.approve', String(row['reason']));
}
