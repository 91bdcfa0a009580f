import { request } from 'undici';
import { SpoolError } from '../spool/errors.ts';

/** Calls to another service's API, in the background. */
export interface ServiceCall {
  /** The parsed JSON answer. @throws where there is no 2xx answer in time */
  get(path: string): Promise<unknown>;
  /** The same, with a JSON body. */
  post(path: string, body: unknown): Promise<unknown>;
}

export interface ServiceCallOptions {
  /** Such as `http://audit:41011`. */
  readonly url: string;
  /** A `tgs_…` token. */
  readonly token: () => string;
  readonly timeoutMs: number;
}

/** The most that an answer may hold. */
const MAX_ANSWER_BYTES = 4 << 20;

export function serviceCall(options: ServiceCallOptions): ServiceCall {
  const base = options.url.replace(/\/+$/, '');
  async function call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> {
    const response = await request(base + path, {
      method,
      headers: {
        authorization: `Bearer ${options.token()}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(options.timeoutMs),
    });
    let text = '';
    response.body.setEncoding('utf8');
    for await (const chunk of response.body) {
      text += String(chunk);
      if (text.length > MAX_ANSWER_BYTES) {
        response.body.destroy();
        throw new SpoolError('service-answer', `${base}${path} answered more than ${MAX_ANSWER_BYTES} bytes`);
      }
    }
    if (response.statusCode < 200 || response.statusCode > 299) {
      throw new SpoolError('service-answer', `${base}${path} answered with status ${response.statusCode}`);
    }
    return text === '' ? null : JSON.parse(text);
  }
  return { get: (path) => call('GET', path), post: (path, body) => call('POST', path, body) };
}
