export { Catalog, NOTICE_MS, type Subject } from './catalog.ts';
export { CatalogError, type CatalogErrorCode } from './errors.ts';
export { catalogOver, loadCatalog, seedCatalog } from './file/load-catalog.ts';
export { type Lifecycle, lifecycleOf } from './queries/lifecycle.ts';
export { type Alternative, describeAlternative, type Offer } from './queries/nearest-alternative.ts';
export {
  type Assessment,
  type Breach,
  type Note,
  permitted,
  type Question,
  type Rule,
  type Verdict,
} from './queries/permitted.ts';
