import type { ServiceClient } from '@tollgate/http';
import { AFTER_HEADER, SIZE_HEADER } from './routes.ts';

/** A page of an export as a client gets it. */
export interface FetchedPage {
  /** Whole lines. */
  readonly text: string;
  readonly after: number;
  readonly isLast: boolean;
}

/** What is exported: format and filters, as query members. */
export type ExportQuery = Readonly<Record<string, string | undefined>>;

/** Events of one page: enough that a page costs more than asking for it. */
const PAGE_EVENTS = 2_000;
const TIMEOUT_MS = 60_000;

/** @throws ServiceError */
export async function fetchPage(
  client: ServiceClient,
  query: ExportQuery,
  after: number,
  signal?: AbortSignal,
): Promise<FetchedPage> {
  const response = await client.open({
    method: 'GET',
    path: '/v1/export',
    query: { ...query, after, limit: PAGE_EVENTS },
    timeoutMs: TIMEOUT_MS,
    ...(signal === undefined ? {} : { signal }),
  });
  const text = await response.text();
  const next = Number(response.headers.get(AFTER_HEADER));
  return { text, after: next, isLast: next >= Number(response.headers.get(SIZE_HEADER)) - 1 };
}
