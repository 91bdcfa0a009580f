/** Vectors are drawn from a few, made on first use: an answer then costs a concatenation, not a thousand divisions. */
const DISTINCT_VECTORS = 64;
const MAX_DIMENSIONS = 4_096;

const cache = new Map<string, string>();

/** A vector of unit-range numbers for a seed, as the JSON that `embedding` holds: an array, or a base64 string of float32. */
export function embeddingJson(seed: number, dimensions: number, base64: boolean): string {
  const which = seed % DISTINCT_VECTORS;
  const key = `${which}/${dimensions}/${base64}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const vector = makeVector(which, Math.min(dimensions, MAX_DIMENSIONS));
  const json = base64
    ? `"${Buffer.from(vector.buffer).toString('base64')}"`
    : JSON.stringify(Array.from(vector));
  if (cache.size >= DISTINCT_VECTORS * 8) cache.clear();
  cache.set(key, json);
  return json;
}

function makeVector(which: number, dimensions: number): Float32Array<ArrayBuffer> {
  const vector = new Float32Array(dimensions);
  let state = (which + 1) * 0x9e3779b9;
  for (let index = 0; index < dimensions; index += 1) {
    // xorshift32: repeatable and good enough for numbers that nobody learns from.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    vector[index] = (state >>> 0) / 2 ** 31 - 1;
  }
  return vector;
}
