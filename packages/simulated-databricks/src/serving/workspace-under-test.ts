import { finished } from 'node:stream/promises';
import { Agent, type Dispatcher, request } from 'undici';
import { onTestFinished } from 'vitest';
import {
  createSimulatedDatabricks,
  DEFAULT_TOKEN,
  type SimulatedDatabricks,
  type SimulatedDatabricksOptions,
} from './workspace.ts';

export const CHAT_MODEL = 'databricks-meta-llama-3-3-70b-instruct';
export const EMBEDDING_MODEL = 'databricks-bge-large-en';
export const CHAT = '/serving-endpoints/chat/completions';
export const COMPLETIONS = '/serving-endpoints/completions';
export const EMBEDDINGS = '/serving-endpoints/embeddings';

type Headers = Record<string, string>;
type Json = Record<string, unknown>;

/** An answer that has arrived whole. */
export interface Received {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly text: string;
  /** The body as it arrived, one member for each time that bytes came. */
  readonly chunks: readonly Buffer[];
}

/** A workspace for one test, with a client on connections of its own; both are gone when the test is. */
export interface WorkspaceUnderTest {
  readonly workspace: SimulatedDatabricks;
  readonly url: string;
  send(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: Json | string,
    headers?: Headers,
  ): Promise<Received>;
  /** Posts a chat request for the usual model, of three words, for ten. */
  chat(members?: Json, headers?: Headers): Promise<Received>;
  /** As `chat`, but the answer is given as soon as its head is there. */
  openChat(members?: Json, headers?: Headers): Promise<Dispatcher.ResponseData>;
}

export async function workspaceUnderTest(options?: SimulatedDatabricksOptions): Promise<WorkspaceUnderTest> {
  const workspace = createSimulatedDatabricks(options);
  const url = await workspace.listen();
  const dispatcher = new Agent({ headersTimeout: 5_000, bodyTimeout: 5_000 });
  onTestFinished(async () => {
    await dispatcher.destroy();
    await workspace.close();
  });
  const authorization = `Bearer ${DEFAULT_TOKEN}`;

  const open = (method: Dispatcher.HttpMethod, path: string, body?: Json | string, headers?: Headers) =>
    request(url + path, {
      dispatcher,
      method,
      headers: { authorization, ...headers },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    });
  const send: WorkspaceUnderTest['send'] = async (method, path, body, headers) => {
    const { statusCode, headers: received, body: stream } = await open(method, path, body, headers);
    const chunks: Buffer[] = [];
    // Iterating would join what has arrived meanwhile.
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    await finished(stream);
    return { status: statusCode, headers: received, text: Buffer.concat(chunks).toString(), chunks };
  };
  const chatBody = (members?: Json): Json => ({
    model: CHAT_MODEL,
    messages: [{ role: 'user', content: 'one two three' }],
    max_tokens: 10,
    ...members,
  });
  return {
    workspace,
    url,
    send,
    chat: (members, headers) => send('POST', CHAT, chatBody(members), headers),
    openChat: (members, headers) => open('POST', CHAT, chatBody(members), headers),
  };
}

/** The data of each server-sent event, unparsed. */
export function eventsOf(text: string): string[] {
  return text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => event.replace(/^data: /, ''));
}
