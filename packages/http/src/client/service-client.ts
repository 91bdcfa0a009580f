import { z } from 'zod';

/** What a call to a service came to, when it was not what was asked for. */
export class ServiceError extends Error {
  /** The service's own code, or `unreachable`, `deadline`, `bad_answer`. */
  readonly code: string;
  /** HTTP status; null where there was no answer. */
  readonly status: number | null;
  readonly fields: readonly { readonly in: string; readonly field: string; readonly message: string }[];

  constructor(
    code: string,
    status: number | null,
    message: string,
    options: ErrorOptions & { fields?: ServiceError['fields'] } = {},
  ) {
    super(message, options);
    this.name = 'ServiceError';
    this.code = code;
    this.status = status;
    this.fields = options.fields ?? [];
  }
}

export type ServiceClientOptions = {
  /** Such as `http://127.0.0.1:41010`. */
  readonly baseUrl: string;
  /** An access token, or how to get the current one. */
  readonly token?: string | (() => string);
  /** How long one call may take, answer included; 30 s unless given. */
  readonly timeoutMs?: number;
  readonly fetch?: typeof fetch;
};

export type ServiceCall<S extends z.ZodType> = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With leading slash; encode what you put into it. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** Instead of `body`: what is sent as `application/octet-stream`. */
  readonly bytes?: Uint8Array<ArrayBuffer>;
  /** What the answer has to be. */
  readonly answer: S;
  readonly requestId?: string;
  readonly signal?: AbortSignal;
  /** How long this call may take, where it differs from the client's. */
  readonly timeoutMs?: number;
};

const DEFAULT_TIMEOUT_MS = 30_000;

const problem = z.object({
  code: z.string(),
  detail: z.string(),
  errors: z.array(z.object({ in: z.string(), field: z.string(), message: z.string() })).optional(),
});

/** Calls one service: bearer token, deadline, problem+json as {@link ServiceError}, answers checked by schema. */
export class ServiceClient {
  readonly #options: ServiceClientOptions;

  constructor(options: ServiceClientOptions) {
    this.#options = options;
  }

  /** @throws ServiceError for anything but a 2xx answer that fits the schema */
  async call<S extends z.ZodType>(call: ServiceCall<S>): Promise<z.output<S>> {
    const response = await this.#send(call);
    const text = await this.#text(response, call);
    const json = parseJson(text);
    if (!response.ok) throw refusal(response.status, json, call);
    const result = call.answer.safeParse(json);
    if (!result.success) {
      const issue = result.error.issues[0];
      throw new ServiceError(
        'bad_answer',
        response.status,
        `${call.method} ${call.path} answered with something else: ${issue?.path.join('.')} ${issue?.message}`,
      );
    }
    return result.data;
  }

  /**
   * An answer that is no JSON of ours, such as a file: its headers, and its body as it comes, within the deadline.
   * @throws ServiceError for anything but a 2xx answer
   */
  async open(call: Omit<ServiceCall<z.ZodType>, 'answer'>): Promise<Response> {
    const asked = { ...call, answer: z.unknown() };
    const response = await this.#send(asked, '*/*');
    if (!response.ok) throw refusal(response.status, parseJson(await this.#text(response, asked)), asked);
    return response;
  }

  /** Every item of a paged list. */
  async *list<S extends z.ZodType>(
    call: Omit<ServiceCall<z.ZodType>, 'answer' | 'method' | 'body'> & { readonly item: S },
  ): AsyncGenerator<z.output<S>> {
    const answer = z.object({ items: z.array(call.item), next_cursor: z.string().nullable() });
    let cursor: string | undefined;
    do {
      const page = await this.call({ ...call, method: 'GET', answer, query: { ...call.query, cursor } });
      yield* page.items;
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
  }

  async #send(call: ServiceCall<z.ZodType>, accept = 'application/json'): Promise<Response> {
    const { baseUrl, token, fetch: send = fetch } = this.#options;
    const timeoutMs = call.timeoutMs ?? this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const url = new URL(`${baseUrl.replace(/\/+$/, '')}${call.path}`);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers = new Headers({ accept });
    if (token !== undefined)
      headers.set('authorization', `Bearer ${typeof token === 'string' ? token : token()}`);
    if (call.requestId !== undefined) headers.set('x-request-id', call.requestId);
    if (call.body !== undefined) headers.set('content-type', 'application/json');
    if (call.bytes !== undefined) headers.set('content-type', 'application/octet-stream');
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      return await send(url, {
        method: call.method,
        headers,
        signal: call.signal === undefined ? deadline : AbortSignal.any([call.signal, deadline]),
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
        ...(call.bytes === undefined ? {} : { body: call.bytes }),
      });
    } catch (error) {
      throw this.#noAnswer(error, call);
    }
  }

  async #text(response: Response, call: ServiceCall<z.ZodType>): Promise<string> {
    try {
      return await response.text();
    } catch (error) {
      throw this.#noAnswer(error, call);
    }
  }

  #noAnswer(error: unknown, call: ServiceCall<z.ZodType>): unknown {
    if (call.signal?.aborted === true) return call.signal.reason;
    const what = `${call.method} ${this.#options.baseUrl}${call.path}`;
    if (error instanceof DOMException && error.name === 'TimeoutError') {
      return new ServiceError('deadline', null, `${what}: no answer in time`, { cause: error });
    }
    return new ServiceError('unreachable', null, `${what}: nobody answers there`, { cause: error });
  }
}

function parseJson(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusal(status: number, json: unknown, call: ServiceCall<z.ZodType>): ServiceError {
  const result = problem.safeParse(json);
  if (!result.success) {
    return new ServiceError(
      'bad_answer',
      status,
      `${call.method} ${call.path} answered ${status} without saying why`,
    );
  }
  const { code, detail, errors } = result.data;
  return new ServiceError(code, status, detail, errors === undefined ? {} : { fields: errors });
}
