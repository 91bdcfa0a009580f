import { HttpProblem, PROBLEMS, type Route, reaches, route } from '@tollgate/http';
import { z } from 'zod';
import { ENTITY_KINDS } from '../entities/index.ts';
import type { DirectoryWriter } from '../store/directory-writer.ts';

const TIMEOUT_MS = 60_000;

/** For a directory topic that was lost or made anew: its followers know nothing until every state is told again. */
export function tellAgainRoute({ writer }: { readonly writer: DirectoryWriter }): Route {
  return route({
    method: 'POST',
    path: '/v1/tell-again',
    access: { scope: 'directory:write' },
    operationId: 'tellAgain',
    summary: 'Publish the state of every entity once more',
    description: 'For a directory topic that was lost or made anew. Takes a token of the whole installation.',
    tag: 'operations',
    answers: { 200: z.object({ entities: z.int() }) },
    problems: [PROBLEMS.outOfReach],
    timeoutMs: TIMEOUT_MS,
    async handle({ principal, reach }) {
      if (!reaches(reach, null, null)) {
        throw new HttpProblem(PROBLEMS.outOfReach, 'this takes a token of the whole installation');
      }
      return { status: 200, body: { entities: await writer.tellAgain(principal, ENTITY_KINDS) } };
    },
  });
}
