import type { GuardAnswer } from '@tollgate/policy/commands';
import { guardedBody } from './answer-body.ts';
import { asksForJson } from './output-rules.ts';

/** Takes a sample of an answer apart as the gateway does with those of upstreams, for `tollgate policy check`. */
export const guardSampleAnswer: GuardAnswer = (answer, endpoint, guard, request) =>
  guardedBody(answer, endpoint, guard, asksForJson(request));
