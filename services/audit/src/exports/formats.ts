import { csvFormat } from './csv.ts';
import type { ExportFormat } from './exported-event.ts';
import { ndjsonFormat } from './ndjson.ts';
import { ocsfFormat } from './ocsf.ts';

export const FORMAT_NAMES = ['ndjson', 'csv', 'ocsf'] as const;
export type FormatName = (typeof FORMAT_NAMES)[number];

export const FORMATS: Readonly<Record<FormatName, ExportFormat>> = {
  ndjson: ndjsonFormat,
  csv: csvFormat,
  ocsf: ocsfFormat,
};
