import { readFile, rename, writeFile } from 'node:fs/promises';
import { PolicyConfigError, type Problems, parseYaml, readSection } from '@tollgate/policy/located-yaml';
import { Document, isSeq, parseDocument } from 'yaml';
import { z } from 'zod';
import { CatalogError } from '../errors.ts';
import { recordKey, type SelectionRecord, selectionRecord } from './selection-record.ts';

const MAX_RECORDS = 4_096;
const topLevel = z.strictObject({ records: z.array(z.unknown()).max(MAX_RECORDS).nullish() });

/**
 * The records of a file; none where there is no file yet.
 *
 * @throws CatalogError `record_unreadable`, or `record_invalid` with every problem and its place
 */
export async function readRecords(file: string): Promise<SelectionRecord[]> {
  const text = await textOf(file);
  return text === null ? [] : parseRecords(text, file);
}

export function parseRecords(text: string, file: string): SelectionRecord[] {
  const problems: Problems = [];
  const document = parsed(text, file);
  const top = readSection(topLevel, document.value ?? {}, [], document, problems);
  const seen = new Set<string>();
  const records = (top?.records ?? []).flatMap((entry, index) => {
    const record = readSection(selectionRecord, entry, ['records', index], document, problems);
    if (record === undefined) return [];
    if (seen.has(recordKey(record))) {
      const message = `${recordKey(record)} has a record already: keep the one that holds.`;
      problems.push(document.problem('duplicate', ['records', index], message));
    }
    seen.add(recordKey(record));
    return [record];
  });
  if (problems.length > 0)
    throw new CatalogError('record_invalid', 'The file of records is not valid.', problems);
  return records;
}

/**
 * Puts a record into a file, in the place of the one about the same, or at the end. Comments of the file stay, and it is
 * replaced as a whole or not at all.
 *
 * @throws CatalogError as `readRecords`, before anything is written
 */
export async function keepRecord(file: string, record: SelectionRecord): Promise<void> {
  const text = await textOf(file);
  const records = text === null ? [] : parseRecords(text, file);
  const document = text === null ? new Document({ records: [] }) : parseDocument(text);
  const index = records.findIndex((other) => recordKey(other) === recordKey(record));
  const list = document.get('records');
  if (!isSeq(list)) document.set('records', document.createNode([record]));
  else if (index === -1) document.addIn(['records'], document.createNode(record));
  else document.setIn(['records', index], document.createNode(record));
  const written = document.toString({ lineWidth: 120, flowCollectionPadding: true });
  parseRecords(written, file);
  const temporary = `${file}.${process.pid}.new`;
  await writeFile(temporary, written);
  await rename(temporary, file);
}

function parsed(text: string, file: string) {
  try {
    return parseYaml(text, file);
  } catch (error) {
    if (!(error instanceof PolicyConfigError)) throw error;
    throw new CatalogError('record_invalid', error.message, error.problems);
  }
}

async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    if (code === 'ENOENT') return null;
    throw new CatalogError('record_unreadable', `${file}: Can't read the records (${code}).`);
  }
}
