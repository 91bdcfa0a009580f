/** What a running stream had produced when the frame was written. */
export interface Progress {
  readonly requestId: string;
  readonly outputBytes: number;
  readonly outputTokens: number;
}

/** `<request id> <output bytes> <output tokens>`. */
export function encodeProgress(progress: Progress): string {
  return `${progress.requestId} ${Math.floor(progress.outputBytes)} ${Math.floor(progress.outputTokens)}`;
}

/** Null for what is no progress frame of this version. */
export function decodeProgress(payload: Buffer): Progress | null {
  const parts = payload.toString('latin1').split(' ');
  const [requestId, bytes, tokens] = parts;
  if (parts.length !== 3 || requestId === undefined) return null;
  const outputBytes = Number(bytes);
  const outputTokens = Number(tokens);
  if (!Number.isSafeInteger(outputBytes) || !Number.isSafeInteger(outputTokens)) return null;
  return { requestId, outputBytes, outputTokens };
}
