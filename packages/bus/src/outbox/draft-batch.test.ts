import { MAX_EVENT_BYTES } from '@tollgate/events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DraftBatch } from './draft-batch.ts';
import { compressPack, unpackDrafts } from './draft-pack.ts';

const HEAD = {
  id: '0197c9a0-0000-7000-8000-000000000001',
  subject: 'a "subject"',
  time: '2026-03-01T00:00:00.000Z',
};

function draft(batch: DraftBatch, key: string, parts: readonly (string | Buffer)[]): void {
  batch.begin(key, HEAD);
  for (const part of parts) {
    if (typeof part === 'string') batch.text(part);
    else batch.bytes(part);
  }
  batch.end();
}

async function unpacked(batch: DraftBatch): Promise<{ key: string; data: unknown }[][]> {
  const packs = await Promise.all(
    batch.finish().map(async ({ bytes, events }) => {
      const drafts = await unpackDrafts(await compressPack(bytes));
      expect(drafts).toHaveLength(events);
      return drafts;
    }),
  );
  return packs.map((drafts) =>
    drafts.map(({ key, draft: bytes }) => {
      const { data, ...rest } = JSON.parse(bytes.toString('utf8'));
      expect(rest).toEqual({ type: 'tollgate.charge.v1', ...HEAD });
      return { key, data };
    }),
  );
}

describe('a batch of drafts', () => {
  it('comes out of its packs as it was written, in any script, in parts of any length', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 120 }).filter((value) => value.isWellFormed());
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(text, fc.array(text))), async (entries) => {
        const batch = new DraftBatch('tollgate.charge.v1');
        for (const [key, values] of entries) {
          draft(batch, key, [
            '[',
            ...values.map((value) => Buffer.from(`${JSON.stringify(value)},`)),
            ...values.map((value) => `${JSON.stringify(value)},`),
            'null]',
          ]);
        }
        expect((await unpacked(batch)).flat()).toEqual(
          entries.map(([key, values]) => ({ key, data: [...values, ...values, null] })),
        );
      }),
    );
  });

  it('is cut into packs of a thousand', async () => {
    const batch = new DraftBatch('tollgate.charge.v1');
    for (let n = 0; n < 2_001; n += 1) draft(batch, `${n}`, [`${n}`]);
    const packs = await unpacked(batch);
    expect(packs.map((pack) => pack.length)).toEqual([1_000, 1_000, 1]);
    expect(packs.flat().map(({ data }) => data)).toEqual(Array.from({ length: 2_001 }, (_, n) => n));
  });

  it('is cut into packs of a few megabytes where its drafts are large', async () => {
    const batch = new DraftBatch('tollgate.charge.v1');
    const large = JSON.stringify('x'.repeat(MAX_EVENT_BYTES - 1_000));
    for (let n = 0; n < 200; n += 1) draft(batch, '', [large]);
    const packs = await unpacked(batch);
    expect(packs.flat()).toHaveLength(200);
    expect(packs.length).toBeGreaterThan(2);
    expect(packs.length).toBeLessThan(8);
  });

  it('refuses what consumers would refuse', () => {
    const batch = new DraftBatch('tollgate.charge.v1');
    const large = JSON.stringify('x'.repeat(MAX_EVENT_BYTES - 500));
    expect(() => draft(batch, 'key', [large])).toThrow(expect.objectContaining({ code: 'event-too-large' }));
    expect(() => new DraftBatch('tollgate.source.heartbeat.v1')).toThrow(
      expect.objectContaining({ code: 'not-numbered' }),
    );
  });

  it('is no pack once it is cut off', async () => {
    const batch = new DraftBatch('tollgate.charge.v1');
    draft(batch, 'key', ['1']);
    const bytes = batch.finish()[0]?.bytes ?? Buffer.alloc(0);
    const cut = await compressPack(bytes.subarray(0, bytes.length - 1));
    await expect(unpackDrafts(cut)).rejects.toThrow('cut off');
  });
});
