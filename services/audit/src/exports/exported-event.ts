/** An event on its way out. */
export interface ExportedEvent {
  readonly leafIndex: number;
  /** RFC 3339. */
  readonly receivedAt: string;
  /** As its source published it. */
  readonly event: Json;
}

export type Json = Readonly<Record<string, unknown>>;

/** A way of writing events down, a line each. */
export interface ExportFormat {
  readonly contentType: string;
  /** Before the first line of a file; empty where there is none. */
  readonly header: string;
  /** With its line end. */
  line(event: ExportedEvent): string;
}

/** The member of that name, if it is an object; else one without members. */
export function objectAt(json: Json, name: string): Json {
  const value = json[name];
  return isObject(value) ? value : {};
}

/** The member of that name, if it is a text. */
export function textAt(json: Json, name: string): string | undefined {
  const value = json[name];
  return typeof value === 'string' ? value : undefined;
}

/** The member of that name, if it is a number. */
export function numberAt(json: Json, name: string): number | undefined {
  const value = json[name];
  return typeof value === 'number' ? value : undefined;
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
