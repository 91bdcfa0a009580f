import { HttpProblem, type Route, route } from '@tollgate/http';
import { LEASES_PATH, leaseAnswer, leaseCall } from '@tollgate/limits';
import { BudgetsError } from '../errors.ts';
import { BUDGETS_PROBLEMS } from '../problems.ts';
import type { Decision } from './decide.ts';
import type { LeaseDesk } from './lease-desk.ts';

const MAX_CALL_BYTES = 512 * 1024;
const CALL_TIMEOUT_MS = 10_000;

/** `POST /v1/leases`: see packages/limits for the contract. */
export function leaseRoutes(parts: {
  readonly desk: LeaseDesk;
  readonly onDecided: (decision: Decision) => void;
}): Route[] {
  return [
    route({
      method: 'POST',
      path: LEASES_PATH,
      access: { scope: 'budgets:lease' },
      operationId: 'serveLeases',
      summary: 'Report, give back and take leases, in one call',
      description:
        'The same call again, after a lost reply, returns the same leases. What a report gives back can be granted to a want of the same call.',
      tag: 'leases',
      body: leaseCall,
      bodyLimitBytes: MAX_CALL_BYTES,
      timeoutMs: CALL_TIMEOUT_MS,
      answers: { 200: leaseAnswer },
      problems: [BUDGETS_PROBLEMS.reportInvalid],
      async handle({ body, reach }) {
        try {
          const decision = await parts.desk.serve(body, reach);
          parts.onDecided(decision);
          return { status: 200 as const, body: decision.answer };
        } catch (error) {
          if (error instanceof BudgetsError && error.code === 'report_invalid') {
            throw new HttpProblem(BUDGETS_PROBLEMS.reportInvalid, error.message, { cause: error });
          }
          throw error;
        }
      },
    }),
  ];
}
