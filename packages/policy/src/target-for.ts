import type { PolicyConfig, Target } from './config.ts';

/** The target that serves a model, by the exact name that a request gives; `null` where none does. One Map look-up. */
export function targetFor(config: PolicyConfig, model: string): Target | null {
  return config.targetsByModel.get(model) ?? null;
}
