import { withTokens } from './json-tokens.ts';
import { type Embedded, type Place, type TextPart, TextReader } from './text-reader.ts';

export type { TextPart } from './text-reader.ts';

/** The texts of a request, and the way back into its body. */
export class RequestTexts {
  readonly parts: readonly TextPart[];
  /** UTF-16 units of all texts together. */
  readonly length: number;
  /** Whether the body is nested too deeply to be read to its end. */
  readonly isTooDeep: boolean;
  /** Whether any of them is more than the name of a member. */
  readonly hasText: boolean;
  readonly #places: readonly Place[];
  readonly #embedded: readonly Embedded[];

  /** Reads a parsed body of any of the OpenAI-compatible or Databricks endpoints; the body itself is kept, not copied. */
  constructor(body: unknown) {
    const reader = new TextReader();
    if (typeof body === 'object' && body !== null) reader.readBody(body);
    this.parts = reader.parts;
    this.length = reader.length;
    this.isTooDeep = reader.isTooDeep;
    this.hasText = reader.hasText;
    this.#places = reader.places;
    this.#embedded = reader.embedded;
  }

  /** The bytes of UTF-8 that all texts take. */
  bytes(): number {
    let bytes = 0;
    for (const { text } of this.parts) bytes += Buffer.byteLength(text);
    return bytes;
  }

  /**
   * Puts other texts in the places of these, in the body that was read; JSON inside strings has only these changed. A member whose
   * name changes comes last in what holds it.
   *
   * @param texts as many as there are parts, in their order
   */
  rewrite(texts: readonly string[]): void {
    if (texts.length !== this.parts.length) throw new RangeError('as many texts as there are parts');
    const names: { readonly place: Place; readonly name: string }[] = [];
    for (const [index, { text }] of this.parts.entries()) {
      const other = texts[index];
      const place = this.#places[index];
      if (other === undefined || other === text || place === undefined) continue;
      if (place.isName === true) names.push({ place, name: other });
      else Reflect.set(place.holder, place.key, other);
    }
    for (const { holder, key, text, tokens, replaced } of this.#embedded) {
      if (replaced.length > 0) Reflect.set(holder, key, withTokens(text, tokens, replaced));
    }
    // Last, since values are put under the names they had.
    for (const { place, name } of names) {
      const value: unknown = Reflect.get(place.holder, place.key);
      Reflect.deleteProperty(place.holder, place.key);
      Reflect.set(place.holder, name, value);
    }
  }
}
