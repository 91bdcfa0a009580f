/** Metadata 12 (Kafka 3.1): the first that both takes and gives topic ids in its final form. */
export const METADATA_VERSION = 12;

const ZERO_ID = Buffer.alloc(16);
const NO_TAGS = 0;

/** The request's body, from the tagged fields that end its header: the topics' names, and not to create them. */
export function encodeMetadataRequest(names: readonly string[]): Buffer {
  const parts: Buffer[] = [Buffer.from([NO_TAGS]), unsignedVarInt(names.length + 1)];
  for (const name of names) {
    const bytes = Buffer.from(name);
    parts.push(ZERO_ID, unsignedVarInt(bytes.length + 1), bytes, Buffer.from([NO_TAGS]));
  }
  const allowAutoTopicCreation = 0;
  const includeAuthorizedOperations = 0;
  parts.push(Buffer.from([allowAutoTopicCreation, includeAuthorizedOperations, NO_TAGS]));
  return Buffer.concat(parts);
}

export type TopicMetadata = { readonly name: string /** base64url of 16 bytes. */; readonly id: string };

/** The answer's body, from the tagged fields that end its header. Topics that are not there are left out. */
export function decodeMetadataResponse(bytes: Buffer): { clusterId: string; topics: TopicMetadata[] } {
  const reader = new Reader(bytes);
  reader.tags();
  reader.int32(); // throttle time
  reader.array(() => {
    reader.int32(); // node id
    reader.text(); // host
    reader.int32(); // port
    reader.text(); // rack
    reader.tags();
  });
  const clusterId = reader.text() ?? '';
  reader.int32(); // controller
  const topics: TopicMetadata[] = [];
  reader.array(() => {
    const errorCode = reader.int16();
    const name = reader.text();
    const id = reader.bytes(16).toString('base64url');
    reader.int8(); // internal
    reader.array(() => {
      reader.int16(); // error
      reader.int32(); // partition
      reader.int32(); // leader
      reader.int32(); // leader epoch
      for (let list = 0; list < 3; list += 1) reader.array(() => void reader.int32());
      reader.tags();
    });
    reader.int32(); // authorized operations
    reader.tags();
    if (errorCode === 0 && name !== null) topics.push({ name, id });
  });
  return { clusterId, topics };
}

function unsignedVarInt(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** Reads the protocol's compact types (KIP-482) one after the other. */
class Reader {
  private readonly source: Buffer;
  private at = 0;

  constructor(source: Buffer) {
    this.source = source;
  }

  int8(): number {
    this.at += 1;
    return this.source.readInt8(this.at - 1);
  }

  int16(): number {
    this.at += 2;
    return this.source.readInt16BE(this.at - 2);
  }

  int32(): number {
    this.at += 4;
    return this.source.readInt32BE(this.at - 4);
  }

  bytes(length: number): Buffer {
    this.at += length;
    return this.source.subarray(this.at - length, this.at);
  }

  text(): string | null {
    const length = this.unsignedVarInt();
    return length === 0 ? null : this.bytes(length - 1).toString('utf8');
  }

  array(read: () => void): void {
    const length = this.unsignedVarInt();
    for (let index = 1; index < length; index += 1) read();
  }

  tags(): void {
    const count = this.unsignedVarInt();
    for (let index = 0; index < count; index += 1) {
      this.unsignedVarInt();
      this.bytes(this.unsignedVarInt());
    }
  }

  private unsignedVarInt(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.source.readUInt8(this.at);
      this.at += 1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }
}
