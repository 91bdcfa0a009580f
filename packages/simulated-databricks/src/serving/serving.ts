import type { IncomingMessage } from 'node:http';
import { decideAnswer } from './answers.ts';
import type { Behaviour } from './behaviour.ts';
import { directivesOfBody, directivesOfHeaders } from './directives.ts';
import { type Endpoints, endpointTask } from './endpoints.ts';
import {
  badRequest,
  endpointMissing,
  errorAnswer,
  modelMissing,
  noSuchPath,
  RefusedRequest,
} from './error-answers.ts';
import { EventStream } from './event-stream.ts';
import type { Exchange } from './exchange.ts';
import type { FaultScript } from './fault-script.ts';
import { faultOfModel } from './faults.ts';
import { guardWords, moderationResults } from './judging.ts';
import { parseBody, readRequest, type ServingRequest, type ServingTask, taskOf } from './request.ts';
import { ResponseStream } from './responses/response-stream.ts';
import { decode } from './url.ts';
import { wholeBody, wordsBody } from './whole-body.ts';
import { countWords } from './words.ts';

/** Every path of inference starts so. */
export const SERVING_PREFIX = '/serving-endpoints/';

const INVOCATIONS = '/invocations';
const TASK_OF_PATH: ReadonlyMap<string, ServingTask> = new Map([
  ['/serving-endpoints/chat/completions', 'chat'],
  ['/serving-endpoints/completions', 'completions'],
  ['/serving-endpoints/embeddings', 'embeddings'],
  ['/serving-endpoints/responses', 'responses'],
  // A moderation request is laid out like one.
  ['/serving-endpoints/moderations', 'embeddings'],
]);

/** A moderation endpoint, as OpenAI has one; any model name is served. */
const MODERATIONS = '/serving-endpoints/moderations';

/** What inference needs to know of the workspace. */
export interface Served {
  readonly endpoints: Endpoints;
  readonly faults: FaultScript;
  /** What a request that asks for nothing special gets. */
  readonly usual: Behaviour;
  readonly defaultOutputTokens: number;
  readonly now: () => number;
}

/** Answers one inference request on its exchange. Rejects with `RefusedRequest` where an error is to be answered. */
export async function serve(
  exchange: Exchange,
  path: string,
  incoming: IncomingMessage,
  body: Buffer,
  workspace: Served,
): Promise<void> {
  const request = requestAt(path, body);
  exchange.request = request;
  const faulty = faultOfModel(request.endpoint);
  const behaviour = behaviourFor(request, faulty, incoming, workspace);
  if (behaviour.answer === 'never') return exchange.neverAnswer();
  if (behaviour.latencyMs > 0) await exchange.pause(behaviour.latencyMs);
  if (exchange.closed) return;
  if (behaviour.answer === 'reset') return exchange.reset();
  if (behaviour.error !== null) {
    return exchange.sendError(errorAnswer(behaviour.error, request.endpoint, behaviour.retryAfterSeconds));
  }
  if (path === MODERATIONS)
    return exchange.sendWhole(moderationBody(exchange.id, request, body, behaviour), 0, behaviour);
  const endpoint = workspace.endpoints.find(request.endpoint, request.task, faulty !== null);
  if (endpoint === null) {
    const inPath = path.endsWith(INVOCATIONS);
    throw new RefusedRequest(inPath ? endpointMissing(request.endpoint) : modelMissing(request.endpoint));
  }
  if (endpoint.task !== endpointTask(request.task)) {
    throw new RefusedRequest(badRequest(`${endpoint.name} serves ${endpoint.task}.`));
  }
  const created = Math.floor(workspace.now() / 1_000);
  const answer = decideAnswer(
    exchange.id,
    created,
    request,
    endpoint,
    behaviour,
    workspace.defaultOutputTokens,
  );
  if (endpoint.judges) {
    const words = guardWords(parseBody(body));
    return exchange.sendWhole(wordsBody(answer, words), countWords(words), behaviour);
  }
  if (request.stream) {
    const events = request.task === 'responses' ? new ResponseStream(answer) : new EventStream(answer);
    return exchange.sendStream(events, answer.outputTokens, behaviour);
  }
  if (behaviour.cut === 'error')
    return exchange.sendError(errorAnswer('internal-error', request.endpoint, null));
  return exchange.sendWhole(wholeBody(answer), answer.outputTokens, behaviour);
}

function moderationBody(
  id: string,
  { endpoint }: ServingRequest,
  body: Buffer,
  { malformed }: Behaviour,
): string {
  const text = JSON.stringify({ id, model: endpoint, results: moderationResults(parseBody(body)) });
  return malformed ? text.slice(0, Math.ceil(text.length / 2)) : text;
}

/** What is asked for nearest to the request wins: its headers, its body, the script, its model, the workspace. */
function behaviourFor(
  request: ServingRequest,
  ofModel: Partial<Behaviour> | null,
  incoming: IncomingMessage,
  { faults, usual }: Served,
): Behaviour {
  const scripted = faults.empty ? null : faults.take(request);
  const ofBody = request.directives === null ? null : directivesOfBody(request.directives);
  const ofHeaders = directivesOfHeaders(incoming.headers);
  if (ofModel === null && scripted === null && ofBody === null && ofHeaders === null) return usual;
  return { ...usual, ...ofModel, ...scripted, ...ofBody, ...ofHeaders };
}

function requestAt(path: string, bytes: Buffer): ServingRequest {
  const task = TASK_OF_PATH.get(path);
  if (task !== undefined) return readRequest(task, parseBody(bytes), null);
  if (!path.endsWith(INVOCATIONS) || path.length <= SERVING_PREFIX.length + INVOCATIONS.length) {
    throw new RefusedRequest(noSuchPath);
  }
  const body = parseBody(bytes);
  return readRequest(taskOf(body), body, decode(path.slice(SERVING_PREFIX.length, -INVOCATIONS.length)));
}
