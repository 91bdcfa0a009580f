/** UTF-8 bytes of text that an estimate takes for one token: the common rule of thumb, and what Databricks does
 * where counts are missing (`(text_length + 1) / 4` in its system tables). */
const BYTES_PER_TOKEN = 4;

/** The tokens that `textBytes` bytes of text are taken for where nobody counted; marked `estimated` wherever used. */
export function estimateTokens(textBytes: number): number {
  return Math.ceil(textBytes / BYTES_PER_TOKEN);
}
