import type { ServiceClient } from '@tollgate/http';
import { z } from 'zod';

/** Numbers of a source that the audit service has not seen, both ends included. */
export interface Gap {
  readonly source: string;
  readonly from: number;
  readonly to: number;
}

/** Who knows what did not arrive. */
export interface GapRegister {
  /** What is missed of an instance's sources. @throws where there is no answer */
  gapsOf(instance: string): Promise<readonly Gap[]>;
}

/** Who keeps the keys that instances sign with. */
export interface InstanceRegister {
  /** @throws where it was not heard */
  register(instance: string, publicKey: string): Promise<void>;
}

/** The services that a source talks to besides the bus; without one, that part is left out. */
export interface SourceServices {
  readonly audit?: GapRegister;
  readonly directory?: InstanceRegister;
}

const MAX_GAPS = 10_000;
const gapAnswer = z.looseObject({
  gaps: z
    .array(z.looseObject({ source: z.string().max(160), from: z.int().min(1), to: z.int().min(1) }))
    .max(MAX_GAPS),
});

export function gapRegister(audit: ServiceClient): GapRegister {
  return {
    async gapsOf(instance) {
      const path = `/v1/gaps?instance=${encodeURIComponent(instance)}`;
      return (await audit.call({ method: 'GET', path, answer: gapAnswer })).gaps;
    },
  };
}

export function instanceRegister(directory: ServiceClient): InstanceRegister {
  return {
    async register(instance, publicKey) {
      await directory.call({
        method: 'POST',
        path: '/v1/gateway-instances',
        body: { instance, public_key: publicKey },
        answer: z.unknown(),
      });
    },
  };
}
