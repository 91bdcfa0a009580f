import {
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  type ObjectLockMode,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { AuditError } from '../errors.ts';

/** Where objects go, and how long nobody may remove the locked ones. */
export interface S3Place {
  readonly bucket: string;
  /** Before every key: empty, or ending in a slash. */
  readonly prefix: string;
  /** Of a store that speaks S3; null: AWS. */
  readonly endpoint: string | null;
  readonly region: string;
  /** Days for which Object Lock holds what is for ever, in compliance mode; 0: no lock. */
  readonly lockDays: number;
}

/** An object of a listing. */
export interface Listed {
  /** Without the prefix. */
  readonly key: string;
  readonly bytes: number;
}

const CONNECT_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 20_000;
const MAX_ATTEMPTS = 4;
const DAY_MS = 86_400_000;
const COMPLIANCE: ObjectLockMode = 'COMPLIANCE';
const PRECONDITION_FAILED = 412;
/** S3 answers it where two writers meet on one key; the other one's object is there now, or none. */
const CONFLICT = 409;
const NOT_FOUND = 404;

/** The few operations that archive and tiles need of a bucket. Credentials are found as the AWS tools find theirs. */
export class S3Bucket {
  readonly #client: S3Client;
  readonly #place: S3Place;
  readonly #now: () => number;

  constructor(place: S3Place, now: () => number = Date.now) {
    this.#place = place;
    this.#now = now;
    this.#client = new S3Client({
      region: place.region,
      maxAttempts: MAX_ATTEMPTS,
      requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
      ...(place.endpoint === null ? {} : { endpoint: place.endpoint, forcePathStyle: true }),
    });
  }

  /** @throws AuditError `object_store` where the bucket is not there, or locks nothing although it is to */
  async check(): Promise<void> {
    const { bucket: Bucket, lockDays } = this.#place;
    try {
      await this.#client.send(new HeadBucketCommand({ Bucket }));
    } catch (error) {
      throw unusable(`the bucket ${Bucket} can't be used (${nameOf(error)})`, error);
    }
    if (lockDays === 0) return;
    try {
      const { ObjectLockConfiguration: lock } = await this.#client.send(
        new GetObjectLockConfigurationCommand({ Bucket }),
      );
      if (lock?.ObjectLockEnabled === 'Enabled') return;
    } catch (error) {
      if (statusOf(error) !== NOT_FOUND)
        throw unusable(`the bucket ${Bucket} does not say whether it locks`, error);
    }
    throw unusable(
      `the bucket ${Bucket} has no Object Lock: make one that has, or set AUDIT_OBJECT_LOCK_DAYS to 0 and say goodbye to what it promises`,
    );
  }

  /**
   * Puts an object where there is none. Durable when it resolves.
   * @param forEver whether Object Lock holds it
   * @returns false where there was one, which stays
   */
  async create(key: string, bytes: Uint8Array, forEver: boolean): Promise<boolean> {
    const { bucket: Bucket, lockDays } = this.#place;
    const locked = forEver && lockDays > 0;
    try {
      await this.#client.send(
        new PutObjectCommand({
          Bucket,
          Key: this.#keyOf(key),
          Body: bytes,
          IfNoneMatch: '*',
          ...(locked
            ? {
                ObjectLockMode: COMPLIANCE,
                ObjectLockRetainUntilDate: new Date(this.#now() + lockDays * DAY_MS),
              }
            : {}),
        }),
      );
      return true;
    } catch (error) {
      const status = statusOf(error);
      if (status === PRECONDITION_FAILED || status === CONFLICT) return false;
      throw unusable(`${key} can't be written (${nameOf(error)})`, error);
    }
  }

  /** Puts an object, in one step, in the place of whatever is there. */
  async replace(key: string, bytes: Uint8Array): Promise<void> {
    const { bucket: Bucket } = this.#place;
    try {
      await this.#client.send(new PutObjectCommand({ Bucket, Key: this.#keyOf(key), Body: bytes }));
    } catch (error) {
      throw unusable(`${key} can't be written (${nameOf(error)})`, error);
    }
  }

  /** The object, or a range of it; undefined where there is none. */
  async read(
    key: string,
    range?: { readonly offset: number; readonly length: number },
  ): Promise<Buffer | undefined> {
    const { bucket: Bucket } = this.#place;
    try {
      const { Body } = await this.#client.send(
        new GetObjectCommand({
          Bucket,
          Key: this.#keyOf(key),
          ...(range === undefined
            ? {}
            : { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` }),
        }),
      );
      return Body === undefined ? undefined : Buffer.from(await Body.transformToByteArray());
    } catch (error) {
      if (statusOf(error) === NOT_FOUND) return undefined;
      throw unusable(`${key} can't be read (${nameOf(error)})`, error);
    }
  }

  /** The objects whose keys begin so, in the order of their keys. */
  async list(start: string): Promise<Listed[]> {
    const { bucket: Bucket, prefix } = this.#place;
    const listed: Listed[] = [];
    let token: string | undefined;
    try {
      do {
        const page = await this.#client.send(
          new ListObjectsV2Command({
            Bucket,
            Prefix: this.#keyOf(start),
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
        );
        for (const { Key = '', Size = 0 } of page.Contents ?? []) {
          listed.push({ key: Key.slice(prefix.length), bytes: Size });
        }
        token = page.NextContinuationToken;
      } while (token !== undefined);
    } catch (error) {
      throw unusable(`${start} can't be listed (${nameOf(error)})`, error);
    }
    return listed;
  }

  async remove(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const Objects = keys.map((key) => ({ Key: this.#keyOf(key) }));
    try {
      await this.#client.send(
        new DeleteObjectsCommand({ Bucket: this.#place.bucket, Delete: { Objects, Quiet: true } }),
      );
    } catch (error) {
      throw unusable(`${keys[0]} can't be removed (${nameOf(error)})`, error);
    }
  }

  close(): void {
    this.#client.destroy();
  }

  #keyOf(key: string): string {
    return `${this.#place.prefix}${key}`;
  }
}

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}

function unusable(what: string, cause?: unknown): AuditError {
  return new AuditError('object_store', what, cause === undefined ? {} : { cause });
}
