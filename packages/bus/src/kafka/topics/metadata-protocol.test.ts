import { describe, expect, it } from 'vitest';
import { decodeMetadataResponse, encodeMetadataRequest } from './metadata-protocol.ts';

describe('metadata 12', () => {
  it('asks for topics by name, without creating them', () => {
    const hex = [
      '00', // tags of the header
      '02', // one topic
      '00'.repeat(16), // no id
      '04616263', // abc
      '00', // tags
      '00', // do not create
      '00', // no authorized operations
      '00', // tags
    ].join('');
    expect(encodeMetadataRequest(['abc']).toString('hex')).toBe(hex);
  });

  it('reads ids of topics that are there, and passes over those that are not', () => {
    const id = '0102030405060708090a0b0c0d0e0f10';
    const hex = [
      '00', // tags of the header
      '00000000', // throttle
      '02', // one broker
      '00000001', // node id
      '026b', // k
      '00002384', // port
      '00', // no rack
      '00', // tags
      '0463696400'.slice(0, 8), // cid
      '00000001', // controller
      '03', // two topics
      ...['0000', '04616263', id, '00', '02'], // no error, abc, id, not internal, one partition
      ...['0000', '00000000', '00000001', '00000007', '0200000001', '0200000001', '01', '00'],
      ...['80000000', '00'], // authorized operations, tags
      ...['0003', '04646566', '00'.repeat(16), '00', '01', '80000000', '00'], // unknown topic def
      '00', // tags
    ].join('');
    expect(decodeMetadataResponse(Buffer.from(hex, 'hex'))).toEqual({
      clusterId: 'cid',
      topics: [{ name: 'abc', id: Buffer.from(id, 'hex').toString('base64url') }],
    });
  });
});
