import { z } from 'zod';
import { SimulatedDatabricksError } from '../errors.ts';
import type { Endpoints } from './endpoints.ts';
import {
  badRequest,
  type ErrorAnswer,
  endpointMissing,
  noSuchPath,
  RefusedRequest,
} from './error-answers.ts';
import type { FaultRule, FaultScript } from './fault-script.ts';
import type { Ledger } from './ledger.ts';
import { parseBody } from './request.ts';
import { decode } from './url.ts';

/** Where tests that run in another process script faults and read what was served. */
export const CONTROL_PREFIX = '/simulation/';

const faultRule = z.strictObject({
  fault: z.string(),
  match: z
    .strictObject({
      model: z.string().optional(),
      task: z.enum(['chat', 'completions', 'embeddings', 'responses', 'custom']).optional(),
      stream: z.boolean().optional(),
      clientRequestId: z.string().optional(),
      clientRequestIdPrefix: z.string().optional(),
    })
    .optional(),
  times: z.int().positive().optional(),
  every: z.int().positive().optional(),
});
const endpointState = z.strictObject({ state: z.enum(['READY', 'NOT_READY']) });
const stateAnswer = z.strictObject({
  answer: z.enum([
    'usual',
    'never',
    'reset',
    'internal-error',
    'unavailable',
    'permission-denied',
    'rate-limit',
  ]),
});

/** The state that the control API reads and changes. */
export interface Controlled {
  readonly faults: FaultScript;
  readonly ledger: Ledger;
  readonly endpoints: Endpoints;
  readonly setStateAnswer: (answer: z.infer<typeof stateAnswer>['answer']) => void;
}

/**
 * Answers a control request with a value to be sent as JSON. Throws `RefusedRequest`.
 * `path` is what follows {@link CONTROL_PREFIX}.
 */
export function control(method: string, path: string, body: Buffer, state: Controlled): unknown {
  const { faults, ledger, endpoints } = state;
  const [resource = '', name = ''] = path.split('/').map(decode);
  switch (`${method} ${resource}`) {
    case 'GET stats':
      return ledger.stats();
    case 'DELETE stats':
      ledger.reset();
      return {};
    case 'GET requests':
      return (
        ledger.ofClientRequest(name) ??
        refuse(badRequest(`No request with client_request_id ${name} is known.`))
      );
    case 'GET faults':
      return { faults: faults.list() };
    case 'POST faults':
      addFault(faults, parse(faultRule, body));
      return { faults: faults.list() };
    case 'DELETE faults':
      faults.clear();
      return {};
    case 'PUT endpoints':
      if (endpoints.describe(name) === null) return refuse(endpointMissing(name));
      endpoints.setState(name, parse(endpointState, body).state);
      return endpoints.describe(name);
    case 'PUT state-answer':
      state.setStateAnswer(parse(stateAnswer, body).answer);
      return {};
    default:
      return refuse(noSuchPath);
  }
}

function addFault(faults: FaultScript, rule: FaultRule): void {
  try {
    faults.add(rule);
  } catch (error) {
    if (error instanceof SimulatedDatabricksError) refuse(badRequest(error.message));
    throw error;
  }
}

function parse<T>(schema: z.ZodType<T>, body: Buffer): T {
  const result = schema.safeParse(parseBody(body));
  return result.success ? result.data : refuse(badRequest(z.prettifyError(result.error)));
}

function refuse(answer: ErrorAnswer): never {
  throw new RefusedRequest(answer);
}
