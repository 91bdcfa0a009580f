import { setTimeout as delay } from 'node:timers/promises';
import { ServiceError } from '@tollgate/http';
import type { FinalUsage, Place } from './ledger.ts';

/** Reads the final usages that a place has taken in since the last call. */
export interface UsageReader {
  /** Hands on each exactly once; after an error the next call goes on where this one ended. */
  read(take: (usage: FinalUsage) => void): Promise<void>;
}

/** Where each source of events stands in the audit service. */
export interface SourcesReader {
  /** One sentence per source whose last event has not arrived, or can't be known to have. */
  behind(): Promise<string[]>;
}

export interface CatchUp {
  readonly audit: number;
  readonly charges: number;
  readonly sources: readonly string[];
}

export interface CatchUpOptions {
  /** Only requests whose `x-request-id` begins with this are this replay's. */
  readonly replayId: string;
  readonly answered: number;
  readonly audit: { readonly place: Place; readonly reader: UsageReader };
  readonly charges: { readonly place: Place; readonly reader: UsageReader };
  readonly sources: SourcesReader;
  /** Without any progress. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
  readonly onProgress: (state: CatchUp) => void;
}

const POLL_MS = 200;

/**
 * Reads both places until they hold the same requests, at least the answered ones, and every source's last event has
 * arrived in the audit service; a request that a killed gateway abandoned comes in late, when its next start says so.
 *
 * @returns what was still behind when no progress was made for `deadlineMs`; empty when all has arrived
 */
export async function catchUp(options: CatchUpOptions): Promise<string[]> {
  const { replayId, answered, sources } = options;
  const places = [options.audit, options.charges];
  let lastProgressMs = performance.now();
  let last = '';
  let trouble: string[] = [];
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      // The sources first: what they say has arrived is then in the places too, or soon will be.
      trouble = await sources.behind();
      for (const { place, reader } of places) {
        await reader.read((usage) => {
          if (usage.clientRequestId?.startsWith(`${replayId}-`)) place.record(usage);
        });
      }
    } catch (error) {
      // A service that was killed a moment ago comes back, or the deadline says that it did not; one that refuses what
      // it is asked will refuse it again.
      if (error instanceof ServiceError && error.status === 400) throw error;
      trouble = [error instanceof Error ? error.message : String(error)];
    }
    const state = {
      audit: options.audit.place.requests,
      charges: options.charges.place.requests,
      sources: trouble,
    };
    options.onProgress(state);
    if (trouble.length === 0 && state.audit >= answered && state.audit === state.charges) return [];
    const now = JSON.stringify(state);
    if (now !== last) lastProgressMs = performance.now();
    else if (performance.now() - lastProgressMs > options.deadlineMs) return trouble;
    last = now;
    await delay(POLL_MS);
  }
}
