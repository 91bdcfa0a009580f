import type { IncomingMessage, ServerResponse } from 'node:http';
import { parsedBody } from '../body/request-body.ts';
import type { AccessLog } from '../callers/access-log.ts';
import type { Arrival } from '../callers/arrival.ts';
import { refuse } from '../errors.ts';
import { type Evaluation, evaluate } from '../policy/evaluation.ts';
import type { Policy } from '../policy/policy.ts';
import { writeAnswer, writeRefusal } from './answers.ts';
import type { Door } from './door.ts';
import { pathOf } from './paths.ts';
import { readBody } from './read-body.ts';

/** Where a text or a request is held against the policies without being sent, by POST. */
export const EVALUATE_PATH = '/v1/policy/evaluate';

/** Findings that an event of an evaluation tells; its answer has all. */
const MAX_RECORDED_FINDINGS = 100;

export interface EvaluationsParts {
  readonly door: Door;
  readonly accesses: AccessLog;
  readonly policy: () => Policy;
  /** The largest body that is taken in, in bytes. */
  readonly maxBodyBytes: number;
}

/** Answers what the policies make of a text, for whoever has a key: as the request of that key would be decided on. */
export class Evaluations {
  readonly #parts: EvaluationsParts;

  constructor(parts: EvaluationsParts) {
    this.#parts = parts;
  }

  /** Takes an evaluation off Node's server, since its body is read after its caller is known. False for the rest. */
  take(req: IncomingMessage, res: ServerResponse): boolean {
    if (req.method !== 'POST' || pathOf(req.url) !== EVALUATE_PATH) return false;
    void this.#receive(req, res);
    return true;
  }

  async #receive(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { door, maxBodyBytes } = this.#parts;
    const arrival = await door.arrive(req, res);
    if (arrival === null) return;
    readBody(req, maxBodyBytes, (failure, raw) => {
      if (failure === null) {
        void this.#answer(arrival, res, raw);
        return;
      }
      res.setHeader('connection', 'close');
      const limit = maxBodyBytes;
      const refusal =
        failure === 'too-large' ? refuse('body_too_large', { limit }) : refuse('body_incomplete');
      writeRefusal(res, arrival.requestId, refusal);
    });
  }

  async #answer(arrival: Arrival, res: ServerResponse, raw: Buffer): Promise<void> {
    const { requestId, caller } = arrival;
    const policy = this.#parts.policy();
    const evaluation = evaluated(policy, caller, parsedBody(raw));
    if (!('outcome' in evaluation)) {
      writeRefusal(res, requestId, evaluation);
      return;
    }
    const { outcome, code, model, findings } = evaluation;
    const recorded = await this.#parts.accesses.record(arrival, policy, {
      action: 'policy.evaluate',
      target: `policy/${policy.version.name}`,
      code: null,
      details: { outcome, code, model, findings: findings.slice(0, MAX_RECORDED_FINDINGS) },
    });
    if (!recorded) writeRefusal(res, requestId, refuse('audit_unavailable'));
    else writeAnswer(res, requestId, 200, 'application/json', Buffer.from(JSON.stringify(evaluation)));
  }
}

function evaluated(...asked: Parameters<typeof evaluate>): Evaluation | ReturnType<typeof refuse> {
  try {
    return evaluate(...asked);
  } catch {
    // A policy that fails lets nothing pass, and its message might quote the text.
    return refuse('policy_failed');
  }
}
