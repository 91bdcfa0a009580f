import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { HttpProblem, type ProblemKind } from '../errors.ts';
import { PROBLEM_CONTENT_TYPE, problemAnswer } from './problem-answer.ts';

const REQUEST_TIMEOUT: ProblemKind = {
  code: 'request_timeout',
  status: 408,
  title: 'The request did not arrive in time',
};
const HEADERS_TOO_LARGE: ProblemKind = {
  code: 'headers_too_large',
  status: 431,
  title: 'The headers are too large',
};
const NOT_HTTP: ProblemKind = { code: 'bad_request', status: 400, title: 'The request cannot be read' };

/** Answers what is not even an HTTP request, on the bare socket, and ends the connection. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const kind =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? REQUEST_TIMEOUT
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? HEADERS_TOO_LARGE
        : NOT_HTTP;
  const body = JSON.stringify(problemAnswer(new HttpProblem(kind, kind.title.toLowerCase()), 'none'));
  socket.end(
    [
      `HTTP/1.1 ${kind.status} ${STATUS_CODES[kind.status] ?? ''}`,
      `content-type: ${PROBLEM_CONTENT_TYPE}`,
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}
