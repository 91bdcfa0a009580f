import type { PolicyConfig, Route, Target } from './policy-config.ts';

/** Where requests for a model go, by the exact name that they give; `null`: nowhere. One Map look-up. */
export function routeFor(config: PolicyConfig, model: string): Route | null {
  return config.routesByModel.get(model) ?? null;
}

/** The first target of the model's route that gets traffic; `null` where there is no route. One Map look-up. */
export function targetFor(config: PolicyConfig, model: string): Target | null {
  return config.routesByModel.get(model)?.targets.find(({ weight }) => weight > 0)?.target ?? null;
}
