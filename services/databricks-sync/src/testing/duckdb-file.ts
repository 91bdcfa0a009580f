import { DuckDBInstance } from '@duckdb/node-api';

/** What a file holds, as somebody else who opens it sees it. */
export async function duckdbRows(file: string, sql: string): Promise<readonly unknown[]> {
  const instance = await DuckDBInstance.create(file);
  try {
    const connection = await instance.connect();
    try {
      return (await connection.runAndReadAll(sql)).getRowObjectsJson();
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}
