/** Weights of which most are zero, as text. */
export interface PackedWeights {
  /** In base64, for each weight how many places it stands behind the last, a byte each; `FAR` goes on and has no weight. */
  readonly gaps: string;
  /** In base64, the weights that are not zero, a signed byte each. */
  readonly weights: string;
}

/** As many places further, and nothing there. */
const FAR = 0xff;

export function packed(weights: Int8Array): PackedWeights {
  const gaps: number[] = [];
  const values: number[] = [];
  let last = -1;
  for (const [place, weight] of weights.entries()) {
    if (weight === 0) continue;
    let gap = place - last;
    for (; gap >= FAR; gap -= FAR) gaps.push(FAR);
    gaps.push(gap);
    values.push(weight);
    last = place;
  }
  return {
    gaps: Buffer.from(gaps).toString('base64'),
    weights: Buffer.from(Int8Array.from(values).buffer).toString('base64'),
  };
}

/** @throws {RangeError} if they have no room in so many places, or gaps and weights are not of one making */
export function unpacked({ gaps, weights }: PackedWeights, places: number): Int8Array {
  const all = new Int8Array(places);
  const values = Buffer.from(weights, 'base64');
  let place = -1;
  let index = 0;
  for (const gap of Buffer.from(gaps, 'base64')) {
    place += gap;
    if (gap === FAR) continue;
    if (place >= places || index >= values.length)
      throw new RangeError('weights.json is not of this version');
    all[place] = values.readInt8(index);
    index += 1;
  }
  if (index !== values.length) throw new RangeError('weights.json is not of this version');
  return all;
}
