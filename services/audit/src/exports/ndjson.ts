import type { ExportFormat } from './exported-event.ts';

/** One JSON object a line: the event, with its place in the log. */
export const ndjsonFormat: ExportFormat = {
  contentType: 'application/x-ndjson',
  header: '',
  line: ({ leafIndex, receivedAt, event }) =>
    `${JSON.stringify({ leaf_index: leafIndex, received_at: receivedAt, event })}\n`,
};
